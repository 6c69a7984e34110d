"""Flags for programs that ask by the OpenFeature SDK, in this process.

from openfeature import api
api.set_provider(GatehouseProvider())
api.get_client().get_boolean_value("new-search", False, EvaluationContext(attributes={"user": request.user}))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, TargetingKeyMissingError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from settings_store.flag.evaluation import Subject
from settings_store.flag.resolution import NeedsTargetingKey, UnknownKey, resolve, subject_named
from settings_store.flag.rules import FlagType
from settings_store.flags import subject_of

type Tree = Sequence[FlagValueType] | Mapping[str, FlagValueType]

# The attribute of an evaluation context that holds a User, who then is not looked up by name.
USER = "user"


class _NotOfType(Exception):
    """A value that is not what the program asks for."""


class GatehouseProvider(AbstractProvider):
    """Answers from the flags this process holds; only a person given by name is looked up in the database."""

    def get_metadata(self) -> Metadata:
        return Metadata(name="Gatehouse")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return _details(flag_key, default_value, evaluation_context, FlagType.BOOLEAN, _boolean)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return _details(flag_key, default_value, evaluation_context, FlagType.STRING, _string)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return _details(flag_key, default_value, evaluation_context, FlagType.NUMBER, _integer)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return _details(flag_key, default_value, evaluation_context, FlagType.NUMBER, _float)

    def resolve_object_details(
        self, flag_key: str, default_value: Tree, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Tree]:
        return _details(flag_key, default_value, evaluation_context, FlagType.JSON, _tree)

    # An event loop must not wait for the database, so each of these goes to a thread.

    async def resolve_boolean_details_async(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return await sync_to_async(self.resolve_boolean_details)(flag_key, default_value, evaluation_context)

    async def resolve_string_details_async(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return await sync_to_async(self.resolve_string_details)(flag_key, default_value, evaluation_context)

    async def resolve_integer_details_async(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return await sync_to_async(self.resolve_integer_details)(flag_key, default_value, evaluation_context)

    async def resolve_float_details_async(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return await sync_to_async(self.resolve_float_details)(flag_key, default_value, evaluation_context)

    async def resolve_object_details_async(
        self, flag_key: str, default_value: Tree, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Tree]:
        return await sync_to_async(self.resolve_object_details)(flag_key, default_value, evaluation_context)


def _details[T](
    key: str, default: T, context: EvaluationContext | None, kind: FlagType, typed: Callable[[Any], T]
) -> FlagResolutionDetails[T]:
    """The SDK turns what is raised here into the program's default, with the code of the error."""
    try:
        found = resolve(key, _subject(context))
    except UnknownKey:
        raise FlagNotFoundError(f"There is no flag {key!r}.") from None
    except NeedsTargetingKey:
        raise TargetingKeyMissingError(f"Only a share of people get {key}: say who asks.") from None
    # JSON may hold a value of any type; all others are told before anybody gets one.
    if found.flag.type not in (kind, FlagType.JSON):
        raise TypeMismatchError(f"{key} gives {found.flag.type}.")
    try:
        value = typed(found.value) if found.has_value else default
    except _NotOfType:
        raise TypeMismatchError(f"{key} gives {type(found.value).__name__}.") from None
    return FlagResolutionDetails(
        value=value,
        reason=Reason(found.word),
        variant=found.variant,
        flag_metadata={"rule": found.rule.value, "type": found.flag.type},
    )


def _subject(context: EvaluationContext | None) -> Subject:
    if context is None:
        return subject_of(None)
    user = context.attributes.get(USER)
    # Anything else under this name is an attribute of the program's own, and nobody is told by who is not signed in.
    if isinstance(user, Subject) or getattr(user, "pk", None) is not None:
        return subject_of(user)
    return subject_named(context.targeting_key or "")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _NotOfType


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _NotOfType


def _integer(value: Any) -> int:
    number = _float(value)
    if number.is_integer():
        return int(value)
    raise _NotOfType


def _float(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise _NotOfType


def _tree(value: Any) -> Tree:
    if isinstance(value, dict | list):
        return value
    raise _NotOfType
