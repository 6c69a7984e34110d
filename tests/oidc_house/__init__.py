"""An identity provider of another make: django-oauth-toolkit, as a Django project and a process of its own."""
