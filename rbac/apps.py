from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from ui.registry import IdentityProviderTab, Permission, RailEntry, UserColumn, UserTab, registry


class RbacConfig(AppConfig):
    name = "rbac"
    verbose_name = _("Roles")

    def ready(self) -> None:
        # Imported here because they reach models, which exist only once the apps are loaded.
        from accounts.rules import ahead, power_rules, provider_rules, role_locks, team_rules, user_rules
        from accounts.signals import identity_claims, identity_provider_leaving, user_registered
        from rbac import acts, history, imports, palette  # noqa: F401 - history words by being there
        from rbac.actions import give_default_role
        from rbac.actions.assignment import lock_all_roles
        from rbac.actions.claims import follow_claims, leave_provider, provider_refusal
        from rbac.directory import directory
        from rbac.links import permission_page, review_page, role_page
        from rbac.people import FILTERS, factor_marks, role_names
        from rbac.rules import is_powerful, read_ahead, team_refusal, user_refusal
        from rbac.why.kinds import PersonKind, RoleKind, add_kind
        from settings_store.people import keep_directory

        registry.add_permissions(
            Permission(
                "roles.read",
                _("See roles and who holds them"),
                django=(
                    "rbac.view_role",
                    "rbac.view_assignment",
                    "rbac.view_claimrole",
                    "rbac.view_custompermission",
                    "rbac.view_review",
                    "rbac.view_reviewitem",
                    "rbac.view_rolemapversion",
                    "auth.view_group",
                    "auth.view_permission",
                ),
            ),
            Permission(
                "roles.write",
                _("Create and edit roles"),
                django=("rbac.add_role", "rbac.change_role"),
            ),
            Permission("roles.delete", _("Delete roles"), django=("rbac.delete_role",)),
            Permission("roles.admin", _("Give and take roles of one's own rank")),
            Permission(
                "permissions.write",
                _("Declare permissions of other programs"),
                django=(
                    "rbac.add_custompermission",
                    "rbac.change_custompermission",
                    "rbac.delete_custompermission",
                ),
            ),
        )
        registry.rail.append(
            RailEntry(_("People"), _("Roles"), "rbac:role_list", "shield", permission="roles.read", order=3020)
        )
        registry.user_tabs.append(UserTab(_("Roles"), "rbac:user_roles", permission="users.read", order=20))
        registry.user_columns += [
            UserColumn(_("Roles"), role_names, template="rbac/_role_names.html", order=10),
            UserColumn(_("Second factor"), factor_marks, template="rbac/_factor_mark.html", order=20, classes="if-any"),
        ]
        registry.user_filters += FILTERS
        registry.user_acts += acts.ACTS
        registry.palette.append(palette.ROLES)
        registry.palette_pages += palette.PAGES
        registry.import_columns.append(imports.ROLE)
        registry.object_links["rbac.role"] = role_page
        registry.object_links["rbac.review"] = review_page
        registry.object_links["rbac.custompermission"] = permission_page
        registry.identity_provider_tabs.append(
            IdentityProviderTab(_("Roles by claims"), "rbac:claim_roles", permission="roles.read", order=20)
        )
        user_rules.append(user_refusal)
        team_rules.append(team_refusal)
        role_locks.append(lock_all_roles)
        ahead.append(read_ahead)
        power_rules.append(is_powerful)
        provider_rules.append(provider_refusal)
        identity_claims.connect(follow_claims, dispatch_uid="rbac.follow_claims")
        identity_provider_leaving.connect(leave_provider, dispatch_uid="rbac.leave_provider")
        keep_directory(directory)
        add_kind(PersonKind())
        add_kind(RoleKind())
        user_registered.connect(give_default_role, dispatch_uid="rbac.default_role")
