"""Readings of the ledger of language models and of the answers that are kept, for the operator."""

from __future__ import annotations

from shared.schemas.base import Schema
from shared.schemas.spending import (
    AnswerDay,
    AskedModel,
    Budget,
    BudgetAlert,
    KeptAnswer,
    ModelCall,
    ModelDay,
)
from shared.store.budget import CONTRACT
from shared.store.database import Command, Statement


class Month(Schema, frozen=True, kw_only=True):
    """The month that pays now, by the database's clock, and what answers given again saved in it."""

    month: str
    saved_nano_usd: int


class Count(Schema, frozen=True, kw_only=True):
    """A number of rows."""

    count: int


_BUDGET = """SELECT name, month, cap AS cap_nano_usd, spent AS spent_nano_usd, committed AS committed_nano_usd,
                    excess AS excess_nano_usd FROM budget"""

NOW = Statement(
    """SELECT budget_month() AS month,
              coalesce((SELECT sum(saved_nano_usd) FROM llm_cache_day
                         WHERE to_char(day, 'YYYY-MM') = budget_month()), 0)::bigint AS saved_nano_usd""",
    Month,
)
MONTH = Statement(f"{_BUDGET} WHERE id = 'month:' || budget_month()", Budget)
AGENTS = Statement(
    f"{_BUDGET} WHERE scope = 'agent' AND month = budget_month() ORDER BY committed DESC, name LIMIT 50", Budget
)
MONTHS = Statement(f"{_BUDGET} WHERE scope = 'month' ORDER BY month DESC LIMIT %(limit)s", Budget)
ALERTS = Statement(
    """SELECT id, kind, percent, said, raised_at, told_at FROM budget_alert
        ORDER BY raised_at DESC, percent DESC NULLS LAST, id LIMIT %(limit)s""",
    BudgetAlert,
)

_CALL = """SELECT id, request, agent, run, priority, kind, tier, model, reason, state, bound_nano_usd, cost_nano_usd,
                  basis, max_tokens, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, error,
                  created_at, dispatched_at, ended_at, request_id FROM llm_call"""
CALL = Statement(f"{_CALL} WHERE id = %(call)s", ModelCall)
#: Ids follow time (UUIDv7), so that a page goes on behind an id.
CALLS = Statement(
    f"""{_CALL}
        WHERE (%(before)s::uuid IS NULL OR id < %(before)s)
          AND (%(run)s::uuid IS NULL OR run = %(run)s)
          AND (%(agent)s::text IS NULL OR agent = %(agent)s)
          AND (%(model)s::text IS NULL OR model = %(model)s)
          AND (%(state)s::text IS NULL OR state = %(state)s)
        ORDER BY id DESC LIMIT %(limit)s""",
    ModelCall,
)

#: An attempt brought an answer if the provider said what it used. Those that do not say are rare, and charged at their
#: bound. An answer that did not keep its contract is none to whoever asked.
_BROKE = f"state = 'settled' AND starts_with(coalesce(error, ''), '{CONTRACT}')"
_ANSWERED = f"state = 'settled' AND output_tokens IS NOT NULL AND NOT ({_BROKE})"
_SECONDS = f"extract(epoch FROM ended_at - dispatched_at)) FILTER (WHERE {_ANSWERED}"
DAYS = Statement(
    f"""SELECT (created_at AT TIME ZONE 'UTC')::date AS day, tier, model, count(*) AS attempts,
               count(*) FILTER (WHERE {_ANSWERED}) AS answered, count(*) FILTER (WHERE {_BROKE}) AS broke_contract,
               coalesce(sum(cost_nano_usd), 0)::bigint AS cost_nano_usd,
               coalesce(sum(input_tokens), 0)::bigint AS input_tokens,
               coalesce(sum(output_tokens), 0)::bigint AS output_tokens,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY {_SECONDS})::double precision AS p50_seconds,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY {_SECONDS})::double precision AS p95_seconds
          FROM llm_call
         WHERE created_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                             - make_interval(days => %(days)s - 1)
         GROUP BY 1, 2, 3 ORDER BY 1 DESC, 7 DESC, 3""",
    ModelDay,
)
MODELS = Statement(
    f"""SELECT coalesce(asked.model, off.model) AS model, coalesce(attempts, 0) AS attempts,
               coalesce(answered, 0) AS answered, coalesce(broke_contract, 0) AS broke_contract,
               coalesce(cost, 0)::bigint AS cost_nano_usd, last_asked_at,
               off.reason AS off, off.since AS off_since
          FROM (SELECT model, count(*) AS attempts, count(*) FILTER (WHERE {_ANSWERED}) AS answered,
                       count(*) FILTER (WHERE {_BROKE}) AS broke_contract,
                       sum(cost_nano_usd) AS cost, max(created_at) AS last_asked_at
                  FROM llm_call WHERE created_at > now() - interval '30 days' GROUP BY model) AS asked
          FULL JOIN llm_model_off AS off ON off.model = asked.model
         ORDER BY 5 DESC, 1""",
    AskedModel,
)
ENABLE = Command("DELETE FROM llm_model_off WHERE model = %(model)s")

ANSWERS = Statement(
    """SELECT encode(key, 'hex') AS id, kind, agent, tier, model, question, cost_nano_usd, hits, made_at, used_at,
              expires_at
         FROM llm_cache WHERE expires_at > now() ORDER BY used_at DESC, key LIMIT %(limit)s""",
    KeptAnswer,
)
ANSWERS_KEPT = Statement("SELECT count(*) AS count FROM llm_cache WHERE expires_at > now()", Count)
ANSWER_DAYS = Statement(
    """SELECT day, kind, hits, misses, saved_nano_usd FROM llm_cache_day
        WHERE day > (now() AT TIME ZONE 'UTC')::date - %(days)s::integer ORDER BY day DESC, kind""",
    AnswerDay,
)
FORGET_ANSWER = Command("DELETE FROM llm_cache WHERE key = decode(%(answer)s, 'hex')")
FORGET_ANSWERS = Command("DELETE FROM llm_cache WHERE %(agent)s::text IS NULL OR agent = %(agent)s")
