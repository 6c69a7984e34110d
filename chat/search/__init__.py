"""Finding conversations by what was said in them, and showing where."""

from chat.search.excerpts import Piece, pieces, snippets
from chat.search.language import Asked, parse, words_in
from chat.search.matching import holding
from chat.search.own import own_matching

__all__ = ["Asked", "Piece", "holding", "own_matching", "parse", "pieces", "snippets", "words_in"]
