from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from settings_store import sealed
from ui.registry import HealthCheck, Permission, RailEntry, UserColumn, UserTab, registry


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = _("Chat")

    def ready(self) -> None:
        from chat import links, palette, setting_definitions  # noqa: F401 - models must be loaded first
        from chat.actions.provider import seal_context
        from chat.fanout import redis_trouble
        from chat.models import Provider
        from chat.objects import ConversationKind
        from chat.people import conversation_counts
        from chat.search.words import mend_words
        from rbac.why.kinds import add_kind

        registry.object_links |= {
            "chat.conversation": links.conversation_page,
            "chat.systemprompt": links.prompt_page,
            "chat.provider": links.provider_page,
            "chat.model": links.model_page,
        }
        add_kind(ConversationKind())
        post_migrate.connect(mend_words, sender=self)
        if settings.REDIS:
            registry.health_checks.append(HealthCheck("redis", redis_trouble, is_fatal=False))
        sealed.add(sealed.SealedColumn(Provider, "sealed_key", context=seal_context))
        registry.add_permissions(
            Permission("chat.use", _("Talk with models"), ("chat.add_conversation", "chat.add_message")),
            Permission(
                "models.read",
                _("See model servers"),
                ("chat.view_provider", "chat.view_model", "chat.view_healthsample"),
            ),
            Permission(
                "models.write",
                _("Add, change and remove model servers"),
                (
                    "chat.add_provider",
                    "chat.change_provider",
                    "chat.delete_provider",
                    "chat.change_model",
                ),
            ),
            Permission("models.private", _("Connect model servers on this machine or in private networks")),
            Permission("prompts.read", _("See system prompts"), ("chat.view_systemprompt", "chat.view_promptversion")),
            Permission(
                "prompts.write",
                _("Write system prompts and choose the default"),
                ("chat.add_systemprompt", "chat.change_systemprompt"),
            ),
            Permission("prompts.delete", _("Delete system prompts"), ("chat.delete_systemprompt",)),
            # Django's own permissions know no scope, so the admin shows conversations to those alone who see them all.
            Permission("conversations.oversee", _("Read the conversations of the own team")),
            Permission("conversations.reassign", _("Hand conversations of the own team to others")),
            Permission(
                "conversations.all",
                _("Oversee everyone, not the own team alone"),
                (
                    "chat.view_conversation",
                    "chat.view_message",
                    "chat.view_attachment",
                    "chat.view_folder",
                    "chat.view_tag",
                ),
            ),
            Permission("usage.read", _("See usage: own and of the people below")),
            Permission("usage.all", _("See everybody's usage")),
            Permission("agents.oversee", _("See agent sessions of the people below")),
            Permission("agents.reassign", _("Hand over agent sessions of the people below")),
        )
        registry.user_tabs.append(
            UserTab(_("Conversations"), "chat:user_conversations", permission="conversations.oversee", order=50)
        )
        registry.user_columns.append(UserColumn(_("Conversations"), conversation_counts, order=30, classes="num p2"))
        registry.palette += [palette.CONVERSATIONS, palette.PROMPTS, palette.MODELS]
        registry.palette_pages += palette.PAGES
        registry.rail += [
            RailEntry(_("Talk"), _("Chat"), "chat:index", "message-square", "chat.use", 1010),
            RailEntry(_("Talk"), _("Prompts"), "chat:prompt_list", "scroll-text", "prompts.read", 1020),
            RailEntry(
                _("Oversee"),
                _("Conversations"),
                "chat:conversation_list",
                "messages-square",
                "conversations.oversee",
                2010,
            ),
            RailEntry(_("Run"), _("Models"), "chat:provider_list", "box", "models.read", 4030),
        ]
