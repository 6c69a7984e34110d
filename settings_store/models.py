"""Rows of the ground floor: settings and proposals, the audit trail, keys in use, counters of limits."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from settings_store.realms import Realm, name_of_key, realm_of, words_of_key


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


class Flag(models.Model):
    """A feature flag: what it is called and gives. Its rules are kept like the values of a setting, by environment."""

    key = models.CharField(_("key"), max_length=60, unique=True)
    # One of settings_store.flag.rules.FlagType.
    type = models.CharField(_("gives"), max_length=10)
    label = models.CharField(_("name"), max_length=120)
    description = models.CharField(_("description"), max_length=500, blank=True)
    # Meant to stay, as a switch for emergencies is: such a flag does not go stale.
    is_permanent = models.BooleanField(_("permanent"), default=False)
    # Grows with each change of these words, so that a stale form is told.
    version = models.PositiveIntegerField(_("version"), default=1)
    # Archived: kept with its history, unknown to whoever asks, and brought back by taking this away.
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by_id = models.BigIntegerField(_("created by"), null=True, blank=True)
    created_by_name = models.CharField(_("created by"), max_length=150)

    class Meta:
        verbose_name = _("flag")
        verbose_name_plural = _("flags")

    def __str__(self) -> str:
        return self.key

    @property
    def public_id(self) -> str:
        """What the trail names it by: its key, which never changes."""
        return self.key

    @property
    def created_by_words(self) -> str:
        return who_in_words(self.created_by_id, self.created_by_name)


class FlagUse(models.Model):
    """When a flag was last evaluated in an environment, and how often one was asked for that is not there."""

    key = models.CharField(_("key"), max_length=60)
    environment = models.CharField(_("environment"), max_length=20)
    last_at = models.DateTimeField(_("last evaluated"))
    unknown_count = models.BigIntegerField(_("asked for while unknown"), default=0)

    class Meta:
        verbose_name = _("use of a flag")
        verbose_name_plural = _("use of flags")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["key", "environment"], name="flaguse_key_environment")]

    def __str__(self) -> str:
        return f"{self.key} ({self.environment})"


class Protection(models.Model):
    """A setting that changes only by a proposal which a second person approves, in every environment."""

    key = models.CharField(_("key"), max_length=120, unique=True)
    at = models.DateTimeField(_("since"), auto_now_add=True)
    by_id = models.BigIntegerField(_("by"), null=True, blank=True)
    by_name = models.CharField(_("by"), max_length=150)

    class Meta:
        verbose_name = _("protection of a setting")
        verbose_name_plural = _("protections of settings")

    def __str__(self) -> str:
        return self.key

    @property
    def by_words(self) -> str:
        return who_in_words(self.by_id, self.by_name)


class Proposal(models.Model):
    """A change of a setting that waits: for a second person's approval, for its time, or for both."""

    class Act(models.TextChoices):
        SET = "set", _("give a value")
        CLEAR = "clear", _("back to default")
        UNPROTECT = "unprotect", _("take the protection away")

    class Status(models.TextChoices):
        AWAITING = "awaiting", _("awaits approval")
        SCHEDULED = "scheduled", _("scheduled")
        APPLIED = "applied", _("done")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("withdrawn")
        FAILED = "failed", _("failed")

    PENDING = (Status.AWAITING, Status.SCHEDULED)

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    key = models.CharField(_("key"), max_length=120)
    # Empty where the act is about the setting itself, not its value in one environment.
    environment = models.CharField(_("environment"), max_length=20, blank=True)
    act = models.CharField(_("act"), max_length=10, choices=Act)
    value = models.JSONField(_("value"), null=True, blank=True)
    sealed = models.BinaryField(_("sealed value"), null=True, blank=True)
    # The version its author saw; the setting must still be at it when the change is made.
    base_version = models.PositiveIntegerField(_("made for version"), default=0)
    # The version whose value is to come back, where it is a rollback.
    rollback_to = models.PositiveIntegerField(_("rolls back to"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status)
    apply_at = models.DateTimeField(_("planned for"), null=True, blank=True)
    created_at = models.DateTimeField(_("proposed"), auto_now_add=True)
    author_id = models.BigIntegerField(_("author"), null=True, blank=True)
    author_name = models.CharField(_("author"), max_length=150)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by_id = models.BigIntegerField(_("decided by"), null=True, blank=True)
    decided_by_name = models.CharField(_("decided by"), max_length=150, blank=True)
    note = models.CharField(_("note"), max_length=500, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    # One sentence where it could not be done.
    trouble = models.CharField(_("why it failed"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        indexes = [
            models.Index(fields=["status", "apply_at"], name="proposal_status"),
            models.Index(fields=["key", "environment"], name="proposal_setting"),
        ]

    def __str__(self) -> str:
        # What the trail says was approved is told by this, so it must not be the same for a flag and a setting.
        words = words_of_key(self.key)
        return f"{words} ({self.environment})" if self.environment else words

    @property
    def name(self) -> str:
        """The key as people write it."""
        return name_of_key(self.key)

    @property
    def realm(self) -> Realm:
        return realm_of(self.key)

    @property
    def author_words(self) -> str:
        return who_in_words(self.author_id, self.author_name)


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


class AuditEvent(models.Model):
    """One act, as it happened. The database refuses to change or delete it, and the chain of hashes would show it."""

    sequence = models.BigIntegerField(_("sequence"), primary_key=True)
    at = models.DateTimeField(_("when"))
    environment = models.CharField(_("environment"), max_length=20)
    action = models.CharField(_("action"), max_length=80)
    actor_id = models.BigIntegerField(_("actor"), null=True, blank=True)
    actor_name = models.CharField(_("actor"), max_length=150)
    impersonator_id = models.BigIntegerField(_("impersonator"), null=True, blank=True)
    impersonator_name = models.CharField(_("impersonator"), max_length=150, blank=True)
    target_type = models.CharField(_("target type"), max_length=60, blank=True)
    target_id = models.CharField(_("target"), max_length=64, blank=True)
    target_name = models.CharField(_("target"), max_length=200, blank=True)
    before = models.JSONField(_("before"), null=True, blank=True)
    after = models.JSONField(_("after"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    session_id = models.CharField(_("session"), max_length=36, blank=True)
    key_id = models.CharField(_("API key"), max_length=36, blank=True)
    # Which derived key made the hash, so that a chain outlives the rotation of the master key.
    chain_key_id = models.CharField(_("chain key"), max_length=16)
    previous_hash = models.CharField(_("previous hash"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        default_permissions = ("view",)
        ordering = ["-sequence"]
        indexes = [
            models.Index(fields=["action", "-sequence"], name="audit_action"),
            models.Index(fields=["actor_id", "-sequence"], name="audit_actor"),
            models.Index(fields=["target_type", "target_id", "-sequence"], name="audit_target"),
            models.Index(fields=["at"], name="audit_at"),
            models.Index(fields=["actor_name", "-sequence"], name="audit_actor_name"),
            models.Index(fields=["impersonator_name", "-sequence"], name="audit_impersonator"),
            models.Index(fields=["target_type", "-sequence"], name="audit_target_type"),
            models.Index(fields=["address", "-sequence"], name="audit_address"),
            models.Index(fields=["environment", "-sequence"], name="audit_environment"),
            models.Index(fields=["request_id"], name="audit_request"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action}"

    @property
    def target_words(self) -> str:
        """The target by its name, else by its kind and the beginning of its id; nothing where the act had none."""
        return self.target_name or f"{self.target_type.rpartition('.')[2]} {self.target_id[:8]}".strip()


class AuditHead(models.Model):
    """The end of the chain: locked by each append, so that sequence and chain never fork."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        verbose_name = _("end of the trail")
        verbose_name_plural = _("end of the trail")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return str(self.sequence)


class KeyUse(models.Model):
    """How many values a master key has sealed, and when a process last had it as the one that seals."""

    key_id = models.CharField(_("key"), max_length=16, primary_key=True)
    environment = models.CharField(_("environment"), max_length=20)
    sealed_count = models.BigIntegerField(_("values sealed"), default=0)
    seen_at = models.DateTimeField(_("last the sealing key of a process"), null=True, blank=True)

    class Meta:
        verbose_name = _("use of a key")
        verbose_name_plural = _("use of keys")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.key_id


class ChainKey(models.Model):
    """The chain key of an older master key, sealed under a newer one: the trail is verified when that one is gone."""

    key_id = models.CharField(_("key"), max_length=16, primary_key=True)
    sealed = models.BinaryField(_("sealed key"))

    class Meta:
        verbose_name = _("older chain key")
        verbose_name_plural = _("older chain keys")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.key_id


class LimitCounter(models.Model):
    """How often something happened within its window, exact under concurrency by one conditional UPDATE."""

    key = models.CharField(_("key"), max_length=64, unique=True)
    count = models.PositiveIntegerField(_("count"), default=0)
    window_ends = models.DateTimeField(_("window ends"), db_index=True)

    class Meta:
        verbose_name = _("limit counter")
        verbose_name_plural = _("limit counters")

    def __str__(self) -> str:
        return self.key
