"""A team that never was, for looking around: people, prompts and conversations, made by `init --sample-data`.

The same seed gives the same people saying the same things. Nobody of them can sign in before an admin gives them a
password, and their model server stays disabled, because it does not exist.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.actions import create_user
from accounts.models import User
from chat.actions.prompt import create_prompt
from chat.actions.provider import create_provider, record_check, set_provider_enabled
from chat.models import Conversation, Message, Model, SystemPrompt
from config.sample_flags import add_sample_flags
from config.sample_roles import add_sample_roles
from config.sample_settings import add_sample_settings
from rbac.actions import assign_role, revoke_role
from rbac.models import Assignment, Role
from rbac.system_roles import ADMIN
from settings_store import audit

FOLDER = Path(__file__).parent / "sample"
DOMAIN = "helvia.example"
SEED = 1913
CONVERSATIONS = 300
DAYS = 90
MODELS = {"qwen3-32b": 6, "llama-3.3-70b": 3, "mistral-small-24b": 2}
# So many conversations belong to the first admin, who would otherwise look at an empty Home and Chat.
OWN_CONVERSATIONS = 8
# One conversation in so many ends with an answer that was stopped.
ONE_STOPPED_IN = 40


@dataclass(slots=True)
class Turn:
    """A message before it has a row."""

    role: str
    text: str
    at: datetime
    status: str = Message.Status.COMPLETE


@dataclass(slots=True)
class Talk:
    """A conversation before it has a row."""

    owner: User
    title: str
    model: Model
    prompt: SystemPrompt | None
    turns: list[Turn] = field(default_factory=list)
    is_pinned: bool = False


@transaction.atomic
def add_sample_data(*, seed: int = SEED, now: datetime | None = None) -> dict[str, int]:
    """Make the whole team with all it said, or nothing; returns how much of each. Made already, it stays as it is."""
    team = tomllib.loads((FOLDER / "team.toml").read_text(encoding="utf-8"))
    if User.objects.named(team["person"][0]["username"]).exists():
        return {}
    chance = random.Random(seed)  # noqa: S311 - a story, no secret
    admins = Assignment.objects.counting().filter(role__system_key=ADMIN).values("user_id")
    admin = User.objects.active().filter(pk__in=admins).order_by("pk").first()
    people = _add_people(team["person"])
    prompts = _add_prompts(team["prompt"])
    models = _add_models()
    moment = now or timezone.now()
    talks = list(_talks(team["person"], people, prompts, models, chance=chance, now=moment))
    if admin:
        _give_some_to(admin, talks)
    conversations = _store_conversations(talks)
    made = {
        "people": len(people),
        "prompts": len(prompts),
        "conversations": len(conversations),
        "messages": _store_messages(talks, conversations, chance=chance),
        "changes of settings": add_sample_settings(people, now=moment),
        "flags": add_sample_flags(people, now=moment),
        "roles": add_sample_roles(people, now=moment),
    }
    audit.record("installation.sample_data_added", actor=None, after=made)
    return made


def _add_people(rows: list[dict[str, Any]]) -> dict[str, User]:
    people: dict[str, User] = {}
    roles = {role.name_key: role for role in Role.objects.all()}
    for row in rows:
        user = create_user(
            actor=None,
            username=row["username"],
            email=f"{row['username']}@{DOMAIN}",
            full_name=row["name"],
            supervisor=people.get(row.get("reports_to", "")),
            is_verified=True,
        )
        assign_role(actor=None, user=user, role=roles[row["role"]], reason="Sample data")
        if row["role"] != "user":
            # Everybody begins as a user; who looks on only must not be able to talk as well.
            revoke_role(actor=None, user=user, role=roles["user"], reason="Sample data")
        people[row["username"]] = user
    return people


def _add_prompts(rows: list[dict[str, Any]]) -> dict[str, tuple[SystemPrompt, list[str]]]:
    """The prompts by name, each with the teams that use it."""
    taken = set(SystemPrompt.objects.live().values_list("name_key", flat=True))
    return {
        row["name"]: (
            create_prompt(
                actor=None,
                name=row["name"],
                description=row["description"],
                content=row["content"].strip(),
            ),
            row.get("teams", []),
        )
        for row in rows
        if row["name"].casefold() not in taken
    }


def _add_models() -> list[Model]:
    provider = create_provider(actor=None, name="Sample server", base_url=f"https://models.{DOMAIN}/v1")
    record_check(actor=None, provider=provider, found=MODELS, trouble="Sample data: this server does not exist.")
    set_provider_enabled(actor=None, provider=provider, is_enabled=False)
    return list(provider.models.order_by("name"))


def _talks(
    rows: list[dict[str, Any]],
    people: dict[str, User],
    prompts: dict[str, tuple[SystemPrompt, list[str]]],
    models: list[Model],
    *,
    chance: random.Random,
    now: datetime,
) -> Iterator[Talk]:
    data = tomllib.loads((FOLDER / "dialogues.toml").read_text(encoding="utf-8"))
    talkers = [row for row in rows if row["role"] != "viewer"]
    # Some people talk with a model all day, others hardly ever.
    weights = [chance.choice((1, 2, 3, 5, 8)) for _ in talkers]
    titles: set[str] = set()
    for row in chance.choices(talkers, weights, k=CONVERSATIONS):
        dialogue = chance.choice([each for each in data["dialogue"] if row["team"] in each["teams"]])
        title = ""
        while not title or title in titles:
            fill = _filler({word: chance.choice(values) for word, values in data["words"].items()})
            title = fill(dialogue["title"])
            if title in titles:
                title = f"{title} – {fill(chance.choice(data['occasions']))}"
        titles.add(title)
        suited = [prompt for prompt, teams in prompts.values() if not teams or row["team"] in teams]
        length = 2 * chance.randint(1, len(dialogue["turns"]) // 2)
        texts = [fill(text) for text in _in_own_words(dialogue["turns"][:length], data, chance=chance)]
        yield Talk(
            owner=people[row["username"]],
            title=title,
            model=chance.choices(models, [MODELS[model.name] for model in models])[0],
            prompt=chance.choice([*suited, None]),
            turns=_turns(texts, chance=chance, begins_at=_moment(chance, now)),
        )


def _give_some_to(admin: User, talks: list[Talk]) -> None:
    """Conversations from all of the time, the newest and one pinned among them."""
    own = sorted(talks, key=lambda talk: talk.turns[-1].at, reverse=True)[:: len(talks) // OWN_CONVERSATIONS]
    for talk in own[:OWN_CONVERSATIONS]:
        talk.owner = admin
    own[2].is_pinned = True


def _in_own_words(texts: list[str], data: dict[str, Any], *, chance: random.Random) -> Iterator[str]:
    """The texts of a dialogue as these two would put them, so that hardly any two conversations are the same."""
    for number, text in enumerate(texts):
        if number % 2:
            yield f"{text.strip()}\n\n{chance.choice(data['closings'])}"
        else:
            yield chance.choice(data["thanks"] if number else data["openings"]) + text.strip()


def _filler(words: dict[str, str]) -> Callable[[str], str]:
    """Puts the words of one conversation into its texts; braces of code stay."""
    return lambda text: re.sub(r"\{(\w+)\}", lambda slot: words.get(slot[1], slot[0]), text.strip())


def _moment(chance: random.Random, now: datetime) -> datetime:
    """Mostly in working hours, mostly on weekdays, always early enough for a conversation to be over by `now`."""
    day = now - timedelta(days=chance.uniform(0.1, DAYS))
    if day.weekday() >= 5 and chance.random() < 0.8:
        day -= timedelta(days=chance.choice((2, 3)))
    moment = day.replace(hour=min(20, max(6, round(chance.gauss(12, 2.7)))), minute=chance.randrange(60))
    return min(moment, now - timedelta(hours=2))


def _turns(texts: list[str], *, chance: random.Random, begins_at: datetime) -> list[Turn]:
    at = begins_at
    turns = []
    for number, text in enumerate(texts):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        turns.append(Turn(role, text, at))
        # A model answers in seconds, a person thinks for minutes.
        at += timedelta(seconds=chance.uniform(40, 600) if number % 2 else chance.uniform(2, 14))
    last = turns[-1]
    if chance.randrange(ONE_STOPPED_IN) == 0:
        last.text, last.status = last.text[: max(40, len(last.text) // 3)], Message.Status.STOPPED
    return turns


def _store_conversations(talks: Iterable[Talk]) -> list[Conversation]:
    rows = [
        Conversation(
            owner=talk.owner,
            title=talk.title,
            model=talk.model,
            system_prompt=talk.prompt,
            system_text=talk.prompt.content if talk.prompt else "",
            created_at=talk.turns[0].at,
            last_message_at=talk.turns[-1].at,
            message_count=len(talk.turns),
            is_pinned=talk.is_pinned,
        )
        for talk in talks
    ]
    Conversation.objects.bulk_create(rows, batch_size=200)
    # Not every database tells the keys of rows made together, so they are read back.
    stored = Conversation.objects.in_bulk([row.public_id for row in rows], field_name="public_id")
    return [stored[row.public_id] for row in rows]


def _store_messages(talks: list[Talk], conversations: list[Conversation], *, chance: random.Random) -> int:
    """Turn by turn, since each message names the one before it; returns how many."""
    last: dict[int, Message] = {}
    count = 0
    for number in range(max(len(talk.turns) for talk in talks)):
        rows = [
            _message(talk.turns[number], talk, conversation, parent=last.get(conversation.pk), chance=chance)
            for talk, conversation in zip(talks, conversations, strict=True)
            if number < len(talk.turns)
        ]
        Message.objects.bulk_create(rows, batch_size=200)
        for row in Message.objects.in_bulk([row.public_id for row in rows], field_name="public_id").values():
            last[row.conversation_id] = row
        count += len(rows)
    for conversation in conversations:
        conversation.active_leaf = last[conversation.pk]
    Conversation.objects.bulk_update(conversations, ["active_leaf"], batch_size=200)
    return count


def _message(
    turn: Turn, talk: Talk, conversation: Conversation, *, parent: Message | None, chance: random.Random
) -> Message:
    message = Message(
        conversation=conversation,
        parent=parent,
        role=turn.role,
        status=turn.status,
        content=turn.text,
        created_at=turn.at,
        finished_at=turn.at,
    )
    if turn.role == Message.Role.ASSISTANT:
        # Four letters to a token and about thirty tokens a second, as such models have it.
        message.model, message.model_name = talk.model, talk.model.name
        message.tokens_in = 120 + len(parent.content) // 4 if parent else 120
        message.tokens_out = len(turn.text) // 4
        message.first_token_ms = chance.randint(180, 900)
        message.duration_ms = message.first_token_ms + message.tokens_out * chance.randint(25, 45)
        message.finished_at = turn.at + timedelta(milliseconds=message.duration_ms)
    return message
