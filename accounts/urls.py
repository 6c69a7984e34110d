from django.urls import path

from accounts.views import entry, impersonation, lockout, passkey, profile, second_step, user, user_act, user_list

# Doors keep Django's own names, which other packages ask for, so they stand outside the namespace.
root_patterns = [
    path("login/", entry.login, name="login"),
    path("login/factor/", second_step.login_factor, name="login_factor"),
    path("login/factor/passkey/", passkey.login_factor_passkey, name="login_factor_passkey"),
    path("login/passkey/", passkey.login_passkey, name="login_passkey"),
    path("login/passkey/options/", passkey.login_passkey_options, name="login_passkey_options"),
    path("logout/", entry.logout, name="logout"),
    path("factor/", second_step.factor_due, name="factor_due"),
    path("step-up/", entry.step_up, name="step_up"),
    path("step-up/passkey/", passkey.step_up_passkey, name="step_up_passkey"),
    path("step-up/passkey/options/", passkey.step_up_passkey_options, name="step_up_passkey_options"),
    path("password/", entry.password_change, name="password_change"),
    path("theme/", entry.theme, name="theme"),
]

app_name = "accounts"
urlpatterns = [
    path("act-as/leave/", impersonation.impersonation_end, name="impersonation_end"),
    path("profile/", profile.profile, name="profile"),
    path("profile/security/passkeys/new/", passkey.passkey_new, name="passkey_new"),
    path("profile/security/passkeys/options/", passkey.passkey_options, name="passkey_options"),
    path("profile/security/passkeys/<uuid:passkey_id>/rename/", passkey.passkey_rename, name="passkey_rename"),
    path("profile/security/passkeys/<uuid:passkey_id>/remove/", passkey.passkey_remove, name="passkey_remove"),
    path("profile/sessions/", profile.profile_sessions, name="profile_sessions"),
    path("profile/sessions/others/revoke/", profile.session_revoke_others, name="session_revoke_others"),
    path("profile/sessions/<uuid:session_id>/revoke/", profile.session_revoke, name="session_revoke"),
    path("users/", user_list.user_list, name="user_list"),
    path("users/export/", user_list.user_export, name="user_export"),
    path("users/acts/", user_act.user_act_new, name="user_act_new"),
    path("users/acts/<uuid:act_id>/", user_act.user_act, name="user_act"),
    path("users/acts/<uuid:act_id>/progress/", user_act.user_act_progress, name="user_act_progress"),
    path("users/acts/<uuid:act_id>/resume/", user_act.user_act_resume, name="user_act_resume"),
    path("users/new/", user.user_create, name="user_create"),
    path("users/<uuid:user_id>/", user.user_detail, name="user_detail"),
    path("users/<uuid:user_id>/edit/", user.user_edit, name="user_edit"),
    path("users/<uuid:user_id>/activate/", user.user_activate, name="user_activate"),
    path("users/<uuid:user_id>/deactivate/", user.user_deactivate, name="user_deactivate"),
    path("users/<uuid:user_id>/password/", user.user_password, name="user_password"),
    path("users/<uuid:user_id>/password/made/", user.user_password_made, name="user_password_made"),
    path("users/<uuid:user_id>/act-as/", impersonation.user_impersonate, name="user_impersonate"),
    path("users/<uuid:user_id>/unlock/", lockout.user_unlock, name="user_unlock"),
    path("users/<uuid:user_id>/history/", user.user_history, name="user_history"),
    path("users/<uuid:user_id>/sessions/", user.user_sessions, name="user_sessions"),
    path("users/<uuid:user_id>/sessions/revoke/", user.user_sessions_revoke, name="user_sessions_revoke"),
    path(
        "users/<uuid:user_id>/sessions/<uuid:session_id>/revoke/", user.user_session_revoke, name="user_session_revoke"
    ),
]
