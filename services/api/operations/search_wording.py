"""Why a post was found, in one short sentence."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from shared.features.query import Term

_MOST_NAMED = 4


def why(
    matched: Collection[str], held: Sequence[Term], *, liked: bool, in_part: bool = False, left_out: bool = False
) -> str:
    """``held`` are the terms that the post's text holds; ``liked``: a post was chosen to compare with.

    ``in_part``: parts of terms are there, pairs of a run without spaces; ``left_out``: some terms were unwanted.
    """
    meaning = f"{'c' if held else 'C'}lose in meaning to {'the post you chose' if liked else 'what you asked'}"
    if "meaning" in matched:
        return f"Holds {_named(held)}; {meaning}." if held else f"{meaning}."
    if held:
        return f"Holds {_named(held)}."
    if "words" in matched:
        if liked:
            return "Shares words with the post you chose."
        return "Holds a part of what you asked for." if in_part else "Holds what you asked for."
    return "Holds nothing that you left out." if left_out else "Meets the filters."


def _named(terms: Sequence[Term]) -> str:
    names = [_name(term) for term in terms[:_MOST_NAMED]]
    if len(terms) > _MOST_NAMED:
        names.append(f"{len(terms) - _MOST_NAMED} more")
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _name(term: Term) -> str:
    sign = {"tag": "#", "cashtag": "$"}.get(term.kind, "")
    return f"‘{sign}{term.text}{'*' if term.kind == 'prefix' else ''}’"
