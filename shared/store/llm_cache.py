"""Answers of language models that may be given again, and how often they were."""

from __future__ import annotations

from typing import Any

from shared.schemas.base import Schema
from shared.store.database import Command, Statement

#: Answers kept at most; those not used for longest go first.
MOST_KEPT = 20_000


class Kept(Schema, frozen=True, kw_only=True):
    """An answer as it was given. ``reply`` is decoded JSON."""

    reply: Any
    model: str
    tier: str
    cost_nano_usd: int


FIND = Statement(
    "SELECT reply, model, tier, cost_nano_usd FROM llm_cache WHERE key = %(key)s AND expires_at > now()", Kept
)

#: Of two that ask at once, the later answer stays: both are good.
KEEP = Command(
    """INSERT INTO llm_cache (key, kind, agent, tier, model, question, reply, cost_nano_usd, expires_at)
       VALUES (%(key)s, %(kind)s, %(agent)s, %(tier)s, %(model)s, %(question)s, %(reply)s::jsonb, %(cost)s,
               now() + make_interval(secs => %(seconds)s))
       ON CONFLICT (key) DO UPDATE SET
         agent = excluded.agent, tier = excluded.tier, model = excluded.model, reply = excluded.reply,
         cost_nano_usd = excluded.cost_nano_usd, made_at = now(), used_at = now(), expires_at = excluded.expires_at"""
)

FORGET = Command("DELETE FROM llm_cache WHERE key = %(key)s")

HIT = Command(
    """WITH used AS (
         UPDATE llm_cache SET hits = hits + 1, used_at = now() WHERE key = %(key)s RETURNING cost_nano_usd)
       INSERT INTO llm_cache_day AS kept (day, kind, hits, saved_nano_usd)
       SELECT (now() AT TIME ZONE 'UTC')::date, %(kind)s, 1, coalesce(sum(cost_nano_usd), 0) FROM used
       ON CONFLICT (day, kind) DO UPDATE SET
         hits = kept.hits + 1, saved_nano_usd = kept.saved_nano_usd + excluded.saved_nano_usd"""
)
MISS = Command(
    """INSERT INTO llm_cache_day AS kept (day, kind, misses) VALUES ((now() AT TIME ZONE 'UTC')::date, %(kind)s, 1)
       ON CONFLICT (day, kind) DO UPDATE SET misses = kept.misses + 1"""
)

#: What is over its time, and what is beyond ``most``.
SWEEP = Command(
    """DELETE FROM llm_cache WHERE expires_at <= now()
          OR key IN (SELECT key FROM llm_cache ORDER BY used_at DESC, key OFFSET %(most)s)"""
)
