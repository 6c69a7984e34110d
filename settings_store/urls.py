from django.urls import path

from settings_store.views import audit, setting

app_name = "settings_store"
urlpatterns = [
    path("settings/", setting.setting_list, name="setting_list"),
    path("settings/<str:key>/", setting.setting_edit, name="setting_edit"),
    path("settings/<str:key>/change/", setting.setting_change, name="setting_change"),
    path("settings/<str:key>/secret/", setting.secret_change, name="secret_change"),
    path("settings/<str:key>/clear/", setting.setting_clear, name="setting_clear"),
    path("audit/", audit.audit_list, name="audit_list"),
    path("audit/<int:sequence>/", audit.audit_event, name="audit_event"),
]
