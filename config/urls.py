"""Where every address leads; each app keeps its own part."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from accounts.urls import root_patterns
from config import views
from ui import palette

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("palette/", palette.palette, name="palette"),
    *root_patterns,
    path("", include("accounts.urls")),
    path("", include("rbac.urls")),
    path("", include("settings_store.urls")),
    path("", include("chat.urls")),
    path("admin/", admin.site.urls),
]
handler400 = "config.views.unreadable"
handler404 = "config.views.not_found"
handler500 = "config.views.broken"
if settings.DEBUG:
    urlpatterns.append(path("__reload__/", include("django_browser_reload.urls")))
