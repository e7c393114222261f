"""What the operator tells agents besides their own prompts."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.store.database import Command, Statement

#: Changes of one agent that are kept.
KEPT = 100


class Said(Schema, frozen=True, kw_only=True):
    """Instructions, and since when they hold."""

    text: str
    since: datetime


class SaidOf(Schema, frozen=True, kw_only=True):
    """``Said`` of an agent."""

    agent: str
    text: str
    since: datetime


#: What held at a moment.
HELD = Statement(
    "SELECT text, since FROM agent_instructions WHERE agent = %(agent)s AND since <= %(at)s ORDER BY id DESC LIMIT 1",
    Said,
)
NOW = Statement("SELECT DISTINCT ON (agent) agent, text, since FROM agent_instructions ORDER BY agent, id DESC", SaidOf)
HISTORY = Statement(
    f"SELECT text, since FROM agent_instructions WHERE agent = %(agent)s ORDER BY id DESC LIMIT {KEPT}", Said
)
SAY = Command("INSERT INTO agent_instructions (agent, text) VALUES (%(agent)s, %(text)s)")
FORGET = Command(
    f"""DELETE FROM agent_instructions
         WHERE agent = %(agent)s AND id NOT IN (
           SELECT id FROM agent_instructions WHERE agent = %(agent)s ORDER BY id DESC LIMIT {KEPT})"""
)
