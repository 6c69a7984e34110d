from django.urls import path

from rbac.views import assignment, claims, invitation, role

app_name = "rbac"
urlpatterns = [
    path("roles/", role.role_list, name="role_list"),
    path("roles/new/", role.role_create, name="role_create"),
    path("roles/<uuid:role_id>/", role.role_detail, name="role_detail"),
    path("roles/<uuid:role_id>/people/", role.role_people, name="role_people"),
    path("roles/<uuid:role_id>/history/", role.role_history, name="role_history"),
    path("roles/<uuid:role_id>/edit/", role.role_edit, name="role_edit"),
    path("roles/<uuid:role_id>/delete/", role.role_delete, name="role_delete"),
    path("users/invite/", invitation.invite, name="invite"),
    path("users/<uuid:user_id>/roles/", assignment.user_roles, name="user_roles"),
    path("users/<uuid:user_id>/roles/assign/", assignment.role_assign, name="role_assign"),
    path("users/<uuid:user_id>/roles/<uuid:role_id>/revoke/", assignment.role_revoke, name="role_revoke"),
    path("identity-providers/<slug:slug>/roles/", claims.claim_roles, name="claim_roles"),
    path("identity-providers/<slug:slug>/roles/new/", claims.claim_role_add, name="claim_role_add"),
    path(
        "identity-providers/<slug:slug>/roles/<int:claim_role_id>/remove/",
        claims.claim_role_remove,
        name="claim_role_remove",
    ),
]
