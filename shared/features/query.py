"""What a search says: words, phrases, hashtags and the like, each of them wanted, one of several, or unwanted.

    power cut          posts with both words; function words ("the", "de") do not count beside others
    "power cut"        the words one after the other
    outage OR blackout either
    -lisbon            not this; also -"power cut", -#tag
    electri*           words that begin so (three letters at least)
    #tag  $CASH        the hashtag, the cashtag
    停電  🔥            what PostgreSQL makes no words of is looked for as it is written

Case and accents never matter. Any text is a search: signs that make no sense are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from shared.features.plain import MARKS
from shared.features.scripts import PAIRED, PICTURES
from shared.features.stopwords import STOP_WORDS

#: Terms of a search that are looked at; the rest is left to meaning.
MOST_TERMS = 24
#: Letters that a beginning of a word needs: "a*" would be half of all posts.
LEAST_PREFIX = 3
#: Function words that are too short to be in ``STOP_WORDS``. What is also a name (AI, EU, IT, UK, US) is not here.
_SHORT = frozenset(
    "a an am as at be by do go he if in is me my no of on or so to up we "  # noqa: SIM905 - forty lines say no more
    "al da de di du el em en es et il im je la le lo mi na ne os ou se si su te tu um un ya zu à é y o e".split()
)

Kind = Literal["word", "phrase", "prefix", "tag", "cashtag", "piece"]

_OPEN = {'"': '"', "\u201c": "\u201d", "\u201e": "\u201c", "«": "»", "\u300c": "\u300d"}
_TOKEN = re.compile(
    r"""(?P<minus>-?)(?P<quoted>"[^"]*"?|\u201c[^\u201d]*\u201d?|\u201e[^\u201c]*\u201c?|«[^»]*»?|「[^」]*」?)|(?P<bare>[^\s"\u201c\u201e«「]+)"""
)
_PIECE = re.compile(rf"[{PAIRED}]")
#: Emoji part words as spaces do.
_RUNS = re.compile(rf"[{PICTURES}\ufe0f\u200d]+|[^{PICTURES}\ufe0f\u200d]+")
_LETTER = re.compile(r"[^\W_]")
_TAG, _CASHTAG = re.compile(r"[#＃](\w.*)"), re.compile(r"\$([A-Za-z]{1,6})")
_AROUND = re.compile(rf"^[^\w#$@]+|[^\w+#{MARKS}]+$|(?<![+#\w{MARKS}])[+#]+$")
_PREFIX = re.compile(r"(\w[\w'’-]*)\*+")


class Term(msgspec.Struct, frozen=True):
    """Something to look for. ``text`` is in lower case and as it was written otherwise; tags without their sign."""

    kind: Kind
    text: str


class Query(msgspec.Struct, frozen=True):
    """``wanted``: of each of these groups one term must be there. ``unwanted``: none of these.

    ``said`` is what is left to be understood: the text without exclusions and signs.
    """

    wanted: tuple[tuple[Term, ...], ...] = ()
    unwanted: tuple[Term, ...] = ()
    said: str = ""

    @property
    def strict(self) -> tuple[tuple[Term, ...], ...]:
        """Groups that somebody asked for with a sign: they must hold however else a post is found."""
        return tuple(group for group in self.wanted if any(term.kind not in ("word", "piece") for term in group))

    @property
    def loose(self) -> tuple[tuple[Term, ...], ...]:
        """Groups of plain words, of which meaning may take the place."""
        return tuple(group for group in self.wanted if all(term.kind in ("word", "piece") for term in group))


def read(text: str) -> Query:
    """``text`` as a search. Never raises."""
    groups: list[list[Term]] = []
    unwanted: list[Term] = []
    said: list[str] = []
    join = count = 0
    for minus, token, quoted in _tokens(text):
        if not quoted and not minus and (token in ("OR", "or", "Or") or not token.strip("|")):
            join = len(groups)  # only what follows a group is an alternative to it
            continue
        terms = list(_terms(token, quoted))
        joins, join = bool(join and join == len(groups)), 0
        if count + len(terms) > MOST_TERMS:
            said += [] if minus else [token]
            continue
        count += len(terms)
        if minus:
            unwanted += terms[:1]
            continue
        said.append(token.lstrip("#＃").rstrip("*") if not quoted else token)
        if joins and terms:
            groups[-1] += terms[:1]
            terms = terms[1:]
        groups += [[term] for term in terms]
    wanted = tuple(dict.fromkeys(tuple(dict.fromkeys(group)) for group in groups))
    return Query(_without_function_words(wanted), tuple(dict.fromkeys(unwanted)), " ".join(said).strip())


def _tokens(text: str) -> Iterator[tuple[bool, str, bool]]:
    """(unwanted, text, quoted) of each part."""
    for found in _TOKEN.finditer(text):
        if found["quoted"] is not None:
            inner = found["quoted"][1:]
            inner = inner.removesuffix(_OPEN[found["quoted"][0]])
            if inner.strip():
                yield bool(found["minus"]), inner.strip(), True
            continue
        bare = found["bare"]
        minus = len(bare) > 1 and bare[0] == "-" and bare[1] != "-"
        bare = bare[1:] if minus else bare
        if bare.strip("-"):
            yield minus, bare, False


def _terms(token: str, quoted: bool) -> Iterator[Term]:
    lowered = token.lower()
    if quoted:
        if _PIECE.search(lowered) or _LETTER.search(lowered):
            yield Term("phrase", " ".join(lowered.split()))
        return
    if (tag := _TAG.fullmatch(lowered)) and _LETTER.search(tag[1]):
        yield Term("tag", _bare(tag[1]))
    elif cashtag := _CASHTAG.fullmatch(token):
        yield Term("cashtag", cashtag[1].lower())
    elif (prefix := _PREFIX.fullmatch(lowered)) and len(prefix[1]) >= LEAST_PREFIX and not _PIECE.search(prefix[1]):
        yield Term("prefix", prefix[1])
    else:
        for run in _RUNS.findall(lowered):
            if _PIECE.search(run):
                yield Term("piece", _bare(run) or run)
            elif _LETTER.search(run):
                yield Term("word", _bare(run))


def _bare(word: str) -> str:
    """Without the punctuation around it, but with the signs that end names such as C++ and C#."""
    return _AROUND.sub("", word)


def _without_function_words(groups: Sequence[tuple[Term, ...]]) -> tuple[tuple[Term, ...], ...]:
    kept = tuple(group for group in groups if not all(_is_function(term) for term in group))
    return kept or tuple(groups)


def _is_function(term: Term) -> bool:
    return term.kind == "word" and (term.text in STOP_WORDS or term.text in _SHORT)
