from django.urls import path

from rbac.views import assignment, role

app_name = "rbac"
urlpatterns = [
    path("roles/", role.role_list, name="role_list"),
    path("roles/new/", role.role_create, name="role_create"),
    path("roles/<uuid:role_id>/", role.role_detail, name="role_detail"),
    path("roles/<uuid:role_id>/people/", role.role_people, name="role_people"),
    path("roles/<uuid:role_id>/history/", role.role_history, name="role_history"),
    path("roles/<uuid:role_id>/edit/", role.role_edit, name="role_edit"),
    path("roles/<uuid:role_id>/delete/", role.role_delete, name="role_delete"),
    path("users/<uuid:user_id>/roles/", assignment.user_roles, name="user_roles"),
    path("users/<uuid:user_id>/roles/assign/", assignment.role_assign, name="role_assign"),
    path("users/<uuid:user_id>/roles/<uuid:role_id>/revoke/", assignment.role_revoke, name="role_revoke"),
]
