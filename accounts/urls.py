from django.urls import path

from accounts.views import entry, profile, second_step, user

# Doors keep Django's own names, which other packages ask for, so they stand outside the namespace.
root_patterns = [
    path("login/", entry.login, name="login"),
    path("login/factor/", second_step.login_factor, name="login_factor"),
    path("logout/", entry.logout, name="logout"),
    path("factor/", second_step.factor_due, name="factor_due"),
    path("step-up/", entry.step_up, name="step_up"),
    path("password/", entry.password_change, name="password_change"),
    path("theme/", entry.theme, name="theme"),
]

app_name = "accounts"
urlpatterns = [
    path("profile/", profile.profile, name="profile"),
    path("profile/sessions/", profile.profile_sessions, name="profile_sessions"),
    path("profile/sessions/others/revoke/", profile.session_revoke_others, name="session_revoke_others"),
    path("profile/sessions/<uuid:session_id>/revoke/", profile.session_revoke, name="session_revoke"),
    path("users/", user.user_list, name="user_list"),
    path("users/new/", user.user_create, name="user_create"),
    path("users/<uuid:user_id>/", user.user_detail, name="user_detail"),
    path("users/<uuid:user_id>/edit/", user.user_edit, name="user_edit"),
    path("users/<uuid:user_id>/activate/", user.user_activate, name="user_activate"),
    path("users/<uuid:user_id>/deactivate/", user.user_deactivate, name="user_deactivate"),
    path("users/<uuid:user_id>/password/", user.user_password, name="user_password"),
    path("users/<uuid:user_id>/password/made/", user.user_password_made, name="user_password_made"),
    path("users/<uuid:user_id>/history/", user.user_history, name="user_history"),
    path("users/<uuid:user_id>/sessions/", user.user_sessions, name="user_sessions"),
    path("users/<uuid:user_id>/sessions/revoke/", user.user_sessions_revoke, name="user_sessions_revoke"),
    path(
        "users/<uuid:user_id>/sessions/<uuid:session_id>/revoke/", user.user_session_revoke, name="user_session_revoke"
    ),
]
