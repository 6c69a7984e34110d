"""How a person is shown, whatever the floor they come from: a user, a name kept in the trail, or nobody."""

from __future__ import annotations


def name_of(someone: object) -> str:
    """The name to show, empty for nobody."""
    return str(someone).strip() if someone else ""


def initials(name: str) -> str:
    """The first letters of the first and the last word: "Ana Ruiz" → "AR", "ana.ruiz" → "AR", nobody → "?"."""
    words = [word for word in name.replace(".", " ").replace("_", " ").replace("-", " ").split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()
