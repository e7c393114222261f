"""Answers in words."""

from __future__ import annotations

from services.cli.words import counted, plain


def test_one_is_singular() -> None:
    assert [counted(number, "post") for number in (0, 1, 2_000)] == ["0 posts", "1 post", "2,000 posts"]


def test_nothing_that_drives_a_terminal_is_left() -> None:
    assert plain("te\x1b[31ma\n") == "te [31ma "
