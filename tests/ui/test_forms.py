from __future__ import annotations

from ui.forms import normalise


def test_text_is_kept_as_people_meant_it() -> None:
    assert normalise("  e\u0301te\u0301\r\nnow\rthen \n") == "été\nnow\nthen"
