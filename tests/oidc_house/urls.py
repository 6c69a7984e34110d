"""Its addresses: those of django-oauth-toolkit, and a form to sign in."""

from __future__ import annotations

from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

FORM = """<!doctype html><title>Elsewhere</title><form method="post">
<label>Name <input name="username"></label><label>Password <input name="password" type="password"></label>
<button>Sign in elsewhere</button></form>"""


@csrf_exempt
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
        if user is not None:
            login(request, user)
            return HttpResponseRedirect(request.GET["next"])
    return HttpResponse(FORM)


urlpatterns = [
    path("sign-in/", sign_in),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]
