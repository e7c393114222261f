"""A vocabulary small enough to reckon with by hand."""

from __future__ import annotations

from shared.embedding.e5_file import Vocabulary


def small_vocabulary() -> Vocabulary:
    """Ids 0 to 3 are control symbols; the rest are pieces with log-probabilities."""
    scored = {
        "<s>": 0.0,
        "<pad>": 0.0,
        "</s>": 0.0,
        "<unk>": 0.0,
        "▁": -3.0,
        "▁power": -4.0,
        "▁pow": -3.5,
        "er": -2.0,
        "p": -6.0,
        "o": -6.0,
        "w": -6.0,
        "e": -6.0,
        "r": -6.0,
        "停電": -5.0,
        "停": -4.0,
        "電": -4.0,
        "é": -5.0,
        ":": -2.0,
    }
    return Vocabulary(
        pieces=list(scored),
        scores=list(scored.values()),
        rules={ord("\t"): " ", ord("Ｐ"): "p", 0x1: ""},
        begin=0,
        end=2,
        pad=1,
        unknown=3,
    )
