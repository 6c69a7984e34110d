"""No cell of a file is taken for a formula, however its beginning is hidden."""

from __future__ import annotations

import pytest

from ui.spreadsheets import plain

SIGNS = ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66", "\ufe62", "\ufe63", "\ufe6b"]
UNSEEN = ["", " ", "   ", "\t", "\r\n", "\u00a0", "\u3000", "\u200b", "\u00ad", "\ufeff", "\u2028"]


@pytest.mark.parametrize("sign", SIGNS)
def test_no_cell_is_a_formula(sign: str) -> None:
    for before in UNSEEN:
        assert plain(f"{before}{sign}1+1").startswith("'")


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("part", [";", "\t", "\n"])
def test_nor_does_one_begin_where_another_program_parts_cells(part: str, sign: str) -> None:
    for before in UNSEEN:
        assert f"'{sign}1" in plain(f"Ana{part}{before}{sign}1")


@pytest.mark.parametrize("text", ["", "Ana", "Ana = Bo", "a@example.org", "1-2", "Ana; Bo", "\u3000Ana"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text
