"""Prompts as interfaces show them."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema


class PromptLine(Schema, frozen=True, kw_only=True):
    """An agent's prompt in short: its length in characters, and what the operator added (empty: nothing)."""

    agent: str
    title: str
    characters: int
    instructions: str
    since: datetime | None


class PromptList(Schema, frozen=True, kw_only=True):
    """By the agent's name."""

    prompts: list[PromptLine]


class Instructions(Schema, frozen=True, kw_only=True):
    """What the operator said, and since when it held."""

    text: str
    since: datetime


class Prompt(Schema, frozen=True, kw_only=True):
    """``prompt`` is what a model is told before anything else, word by word, with the operator's instructions in it.

    ``history``: the instructions so far, the newest first; an empty text took them back.
    """

    agent: str
    title: str
    prompt: str
    instructions: str
    history: list[Instructions]
