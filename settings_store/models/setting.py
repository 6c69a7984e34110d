"""Settings: their values in each environment, the versions of them, and those that admins declare."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from settings_store.realms import name_of_key


class SettingManager(models.Manager["Setting"]):
    """Reads with each row the number of the newest version in its history."""

    def get_queryset(self) -> models.QuerySet[Setting]:
        newest = SettingVersion.objects.filter(setting=models.OuterRef("pk")).order_by("-version").values("version")
        found = super().get_queryset()
        return found.annotate(last_version=models.Subquery(newest[:1]))  # type: ignore[no-redef]  # so it is declared


def who_in_words(pk: int | None, name: str) -> str:
    """Somebody by the name that was kept, and the system as people know it."""
    return gettext("Gatehouse") if pk is None else name


class Setting(models.Model):
    """The value a setting has in one environment; a setting without a row has its default from code."""

    key = models.CharField(_("key"), max_length=120)
    environment = models.CharField(_("environment"), max_length=20)
    version = models.PositiveIntegerField(_("version"), default=0)
    # JSON text of the value, or for a secret the sealed bytes; never both.
    value = models.JSONField(_("value"), null=True, blank=True)
    sealed = models.BinaryField(_("sealed value"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    updated_by_id = models.BigIntegerField(_("updated by"), null=True, blank=True)
    updated_by_name = models.CharField(_("updated by"), max_length=150, blank=True)
    # Where it was read by the manager.
    last_version: int | None = None

    objects = SettingManager()

    class Meta:
        verbose_name = _("setting")
        verbose_name_plural = _("settings")
        constraints = [models.UniqueConstraint(fields=["key", "environment"], name="setting_key_environment")]

    def __str__(self) -> str:
        return f"{self.name} ({self.environment})"

    @property
    def name(self) -> str:
        """The key as people write it."""
        return name_of_key(self.key)

    @property
    def updated_by_words(self) -> str:
        return who_in_words(self.updated_by_id, self.updated_by_name)


class SettingVersion(models.Model):
    """One change of a setting, never altered afterwards."""

    setting = models.ForeignKey(Setting, models.PROTECT, related_name="versions", verbose_name=_("setting"))
    version = models.PositiveIntegerField(_("version"))
    # JSON text of the value; that of a secret is a SealedVersion.
    value = models.JSONField(_("value"), null=True, blank=True)
    # True where this version took the row's own value away, so that the default applies again.
    cleared = models.BooleanField(_("back to default"), default=False)
    # The version whose value came back, where this one was made by rolling back.
    rollback_to = models.PositiveIntegerField(_("rolled back to"), null=True, blank=True)
    proposal = models.ForeignKey(
        "Proposal", models.PROTECT, null=True, blank=True, related_name="versions", verbose_name=_("proposal")
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    at = models.DateTimeField(_("when"))
    actor_id = models.BigIntegerField(_("by"), null=True, blank=True)
    actor_name = models.CharField(_("by"), max_length=150)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("setting version")
        verbose_name_plural = _("setting versions")
        constraints = [models.UniqueConstraint(fields=["setting", "version"], name="settingversion_setting_version")]

    def __str__(self) -> str:
        return f"{self.setting} v{self.version}"

    @property
    def actor_words(self) -> str:
        return who_in_words(self.actor_id, self.actor_name)


class SealedVersion(models.Model):
    """The sealed value of one version of a secret: apart from it, because versions never change and keys do."""

    version = models.OneToOneField(
        SettingVersion, models.PROTECT, primary_key=True, related_name="secret", verbose_name=_("version")
    )
    sealed = models.BinaryField(_("sealed value"))

    class Meta:
        verbose_name = _("sealed value of a version")
        verbose_name_plural = _("sealed values of versions")

    def __str__(self) -> str:
        return str(self.version)


class OwnSetting(models.Model):
    """A setting that was declared here by an admin, not in code: its type, default and rules."""

    key = models.CharField(_("key"), max_length=120, unique=True)
    type = models.CharField(_("type"), max_length=10)
    label = models.CharField(_("name"), max_length=120)
    category = models.CharField(_("category"), max_length=60)
    help = models.CharField(_("description"), max_length=500, blank=True)
    default = models.JSONField(_("default"), null=True, blank=True)
    required = models.BooleanField(_("needs a value"), default=True)
    minimum = models.BigIntegerField(_("at least"), null=True, blank=True)
    maximum = models.BigIntegerField(_("at most"), null=True, blank=True)
    max_length = models.PositiveIntegerField(_("longest"), default=500)
    pattern = models.CharField(_("pattern"), max_length=200, blank=True)
    pattern_help = models.CharField(_("the pattern in words"), max_length=200, blank=True)
    choices = models.JSONField(_("choices"), default=list, blank=True)
    schema = models.JSONField(_("JSON Schema"), null=True, blank=True)
    unit = models.CharField(_("unit"), max_length=20, blank=True)
    is_mutable = models.BooleanField(_("may be changed while running"), default=True)
    # Grows with each change of the rules, so that a stale form is told.
    version = models.PositiveIntegerField(_("version"), default=1)
    # Retired: kept with its history, read by nobody, and brought back by taking this away.
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by_id = models.BigIntegerField(_("created by"), null=True, blank=True)
    created_by_name = models.CharField(_("created by"), max_length=150)

    class Meta:
        verbose_name = _("setting of one's own")
        verbose_name_plural = _("settings of one's own")

    def __str__(self) -> str:
        return self.key


class SettingImport(models.Model):
    """A file on its way in: read, being checked, waiting for somebody to say that its changes are wanted."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("file"), max_length=120)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)
    author_id = models.BigIntegerField(_("by"), null=True, blank=True)
    author_name = models.CharField(_("by"), max_length=150)
    # Every entry of the file as JSON, sealed, because there may be secrets among them.
    sealed = models.BinaryField(_("entries"))
    total = models.PositiveIntegerField(_("entries"))
    checked = models.PositiveIntegerField(_("checked"), default=0)
    # What is wrong, as [place, sentence].
    troubles = models.JSONField(_("what is wrong"), default=list)

    class Meta:
        verbose_name = _("import of settings")
        verbose_name_plural = _("imports of settings")

    def __str__(self) -> str:
        return self.name


class StoreVersion(models.Model):
    """A single row that grows with every change of any setting; processes compare it to know their copy is old."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)
    # When the next scheduled change is due, so that processes need not ask for it apart.
    next_due = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("version of all settings")
        verbose_name_plural = _("version of all settings")

    def __str__(self) -> str:
        return str(self.version)
