"""The settings of talking with models."""

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from chat.choices import model_names
from settings_store.store import define

define(
    "chat.default_model",
    type="string",
    default="",
    required=False,
    max_length=300,
    suggestions=model_names,
    label=_("Model for new conversations"),
    help=_("Its name, or “server/name” where two servers offer the same. Empty takes the first that is not a demo."),
    category=_("Chat"),
)
define(
    "chat.temperature",
    type="decimal",
    default=Decimal("0.7"),
    minimum=0,
    maximum=2,
    label=_("Temperature"),
    help=_("How freely a model chooses its words; 0 for the likeliest ones."),
    category=_("Chat"),
)
define(
    "chat.max_output_tokens",
    type="integer",
    default=2048,
    minimum=16,
    maximum=131_072,
    unit=_("tokens"),
    label=_("Longest answer"),
    category=_("Chat"),
)
define(
    "chat.messages_per_minute",
    type="integer",
    default=30,
    minimum=1,
    maximum=1000,
    label=_("Messages a minute, for each person"),
    category=_("Chat"),
)
define(
    "chat.silence_seconds",
    type="integer",
    default=60,
    minimum=1,
    maximum=3600,
    unit=_("seconds"),
    label=_("Patience with a silent model"),
    help=_("An answer of which nothing more has come for this long ends as failed."),
    category=_("Chat"),
)
define(
    "chat.currency",
    type="string",
    default="EUR",
    max_length=8,
    label=_("Currency of prices"),
    help=_("What the prices of models are in, as it is written beside an amount: EUR, USD, CHF."),
    category=_("Chat"),
)
define(
    "chat.attachments_per_message",
    type="integer",
    default=5,
    minimum=0,
    maximum=20,
    label=_("Files with a message"),
    help=_("How many text files may come with one message; 0 for none."),
    category=_("Chat"),
)
define(
    "chat.attachment_kilobytes",
    type="integer",
    default=200,
    minimum=1,
    maximum=2_000,
    unit=_("kB"),
    label=_("Largest file with a message"),
    help=_("All that is sent at once is at most 2.5 MB, whatever is allowed here."),
    category=_("Chat"),
)
