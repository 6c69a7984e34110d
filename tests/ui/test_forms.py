from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from ui.forms import CharField, normalise, uuid_of


def test_text_is_kept_as_people_meant_it() -> None:
    assert normalise("  e\u0301te\u0301\r\nnow\rthen \n") == "été\nnow\nthen"


def test_text_that_grows_when_composed_is_measured_as_it_is_kept() -> None:
    field = CharField(max_length=4)
    assert field.clean("e\u0301te\u0301!") == "été!"
    with pytest.raises(ValidationError, match="At most 4 characters; these are 6"):
        field.clean("\ufb2c\ufb2c")


@pytest.mark.parametrize("text", ["", "1", "x" * 200, "\x00", "12345678-1234-5678-1234-56781234567g"])
def test_what_is_no_id_is_none(text: str) -> None:
    assert uuid_of(text) is None


def test_an_id_is_read_as_it_is_written() -> None:
    key = uuid4()
    assert uuid_of(str(key)) == key
