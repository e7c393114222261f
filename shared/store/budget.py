"""The ledger of what language models cost: no call without a durable reservation of the most it can cost.

    reserved -> dispatched -> settled     the cost is known, or the bound is charged because it is not
        |            `-----> released     the provider refused it or never got it
        `------------------> released     expired before anything was sent

Amounts are whole nano-dollars. Rows are locked in the order month, agent, run, so that nobody waits in a circle;
the month is the one that the reservation was made in, by the database's clock.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class Reserved(Schema, frozen=True, kw_only=True):
    """An attempt that may be dispatched, or without ``id`` why there is none: the scope with the least room.

    ``opened`` says how many of the scopes have a row; ``off`` why the model may not be asked at all.
    """

    id: UUID | None
    scope: str | None = None
    room: int | None = None
    opened: int = 0
    off: str | None = None


class Ended(Schema, frozen=True, kw_only=True):
    """How an attempt was booked. No row: it was ended already, or never dispatched."""

    cost_nano_usd: int
    bound_nano_usd: int


class Touched(Schema, frozen=True, kw_only=True):
    """A number of rows."""

    rows: int


class CallId(Schema, frozen=True, kw_only=True):
    """One attempt."""

    id: UUID


class MonthRow(Schema, frozen=True, kw_only=True):
    """This month's budget; ``marks`` is the greatest share that an alert was raised for.

    ``used_up``: paid calls were refused, or all is spent, and hardly anything is left now.
    """

    cap: int
    committed: int
    spent: int
    marks: int | None
    used_up: bool


class Sent(Schema, frozen=True, kw_only=True):
    """Whether anything was sent for a run."""

    sent: bool


class AlertRow(Schema, frozen=True, kw_only=True):
    """An alert to be told."""

    id: str
    kind: str
    percent: int | None
    said: str
    raised_at: datetime


#: The condition on which the guarantee rests. A test takes it away and sees the money go.
FITS = "committed + %(bound)s <= cap"

#: Commits without waiting for the disk. What a crash of PostgreSQL then loses is on the safe side: a reservation is
#: of use only once "dispatched" is committed, which waits for the disk and takes everything before it along; a lost
#: booking leaves the bound charged. A booking above the bound waits.
_SOON = "set_config('synchronous_commit', 'off', true) IS NOT NULL"

_COLUMNS = "request, month, agent, run, priority, kind, tier, model, reason, bound_nano_usd, max_tokens, request_id"
_VALUES = """%(request)s, month.month, %(agent)s, %(run)s::uuid, %(priority)s, %(kind)s, %(tier)s, %(model)s,
            %(reason)s, %(bound)s, %(max_tokens)s, %(request_id)s"""


def reserve(fits: str = FITS) -> Statement[Reserved]:
    """Reserve ``bound`` in the month, with the agent and with the run: in all of them or, without an ``id``, in none.

    One statement that is a transaction of its own, so that no row stays locked while a worker thinks. The rows are
    locked in one order, judged as they are then, and charged only where they pass the same condition again.
    """
    return Statement(
        f"""WITH held AS MATERIALIZED (
              SELECT id, scope, month, cap, committed FROM budget
               WHERE id IN ('month:' || budget_month(), 'agent:' || budget_month() || ':' || %(agent)s,
                            'run:' || %(run)s::text)
               ORDER BY array_position(ARRAY['month', 'agent', 'run'], scope) FOR UPDATE),
            judged AS MATERIALIZED (
              SELECT {_SOON} AND count(*) = 2 + (%(run)s::uuid IS NOT NULL)::integer
                     AND bool_and({fits})
                     AND NOT EXISTS (SELECT FROM llm_model_off WHERE model = %(model)s) AS fit
                FROM held),
            charged AS (
              UPDATE budget SET committed = committed + %(bound)s FROM judged
               WHERE judged.fit AND id IN (SELECT held.id FROM held) AND {fits} RETURNING scope, month),
            placed AS (
              INSERT INTO llm_call ({_COLUMNS})
              SELECT {_VALUES} FROM charged AS month WHERE scope = 'month' RETURNING id)
            SELECT id, NULL AS scope, NULL::bigint AS room, 0 AS opened, NULL AS off FROM placed
            UNION ALL
            (SELECT NULL, scope, cap - committed, (count(*) OVER ())::integer,
                    (SELECT reason FROM llm_model_off WHERE model = %(model)s)
               FROM held WHERE NOT EXISTS (SELECT FROM placed) ORDER BY cap - committed LIMIT 1)""",
        Reserved,
    )


RESERVE = reserve()

#: For what costs nothing: a row, and no budget is touched.
PLACE = Statement(
    f"""INSERT INTO llm_call ({_COLUMNS})
        SELECT {_VALUES} FROM (SELECT budget_month() AS month) AS month WHERE %(bound)s = 0 RETURNING id""",
    Reserved,
)

#: The rows that a reservation adds to, where they are missing.
OPEN = Command(
    """INSERT INTO budget (id, scope, month, name, cap, ceiling)
       SELECT * FROM (
         SELECT 'month:' || month, 'month', month, '', %(month_cap)s::bigint, %(month_cap)s::bigint
           FROM budget_month() AS month
         UNION ALL
         SELECT 'agent:' || month || ':' || %(agent)s, 'agent', month, %(agent)s, %(agent_cap)s, %(agent_cap)s
           FROM budget_month() AS month
         UNION ALL
         SELECT 'run:' || %(run)s::text, 'run', month, %(run)s::text, %(run_cap)s, %(run_cap)s
           FROM budget_month() AS month WHERE %(run)s::uuid IS NOT NULL) AS wanted
       ON CONFLICT (id) DO NOTHING"""
)

OPEN_MONTH = Command(
    """INSERT INTO budget (id, scope, month, name, cap, ceiling)
       SELECT 'month:' || month, 'month', month, '', %(cap)s, %(cap)s FROM budget_month() AS month
       ON CONFLICT (id) DO NOTHING"""
)

#: This month's limits as the settings have them now. What is committed already stays.
SET_CAP = Command(
    """UPDATE budget SET cap = %(cap)s, ceiling = greatest(%(cap)s, committed - excess)
        WHERE scope = %(scope)s AND month = budget_month() AND cap <> %(cap)s"""
)

#: Marks of this month that its limit of now does not bear out: it was raised. They are told again when they are passed.
UNMARK = Command(
    """DELETE FROM budget_alert USING budget
        WHERE budget.id = 'month:' || budget_month() AND budget_alert.id LIKE budget.id || ':%%' AND kind = 'share'
          AND greatest(budget.spent, CASE percent WHEN 100 THEN budget.committed ELSE 0 END)::numeric * 100
              < budget.cap::numeric * least(percent, 95)"""
)

#: Durable before anything is sent. Touches no row when the reservation has expired: then nothing may be sent.
DISPATCH = Statement(
    """UPDATE llm_call SET state = 'dispatched', dispatched_at = now() WHERE id = %(call)s AND state = 'reserved'
       RETURNING id""",
    CallId,
)

#: Shares of the month's limit at which an alert is raised.
MARKS = (50, 80, 100)

#: Books what a dispatched attempt cost; ``cost`` NULL charges its bound. Above the bound it is booked all the same, an
#: alert is raised and the model is disabled. The run's spend moves along.
SETTLE = Statement(
    """WITH call AS (
         UPDATE llm_call SET state = 'settled', cost_nano_usd = coalesce(%(cost)s, bound_nano_usd),
                basis = CASE WHEN %(cost)s::bigint IS NULL THEN 'bound' ELSE 'usage' END,
                input_tokens = %(input)s, cache_read_tokens = %(cache_read)s, cache_write_tokens = %(cache_write)s,
                output_tokens = %(output)s, error = %(error)s, ended_at = now()
          WHERE id = %(call)s AND state = 'dispatched'
          RETURNING id, month, agent, run, model, bound_nano_usd AS bound, cost_nano_usd AS cost),
       month AS (
         UPDATE budget SET committed = committed + call.cost - call.bound, spent = spent + call.cost,
                           excess = excess + greatest(call.cost - call.bound, 0)
           FROM call WHERE budget.id = 'month:' || call.month AND call.bound + call.cost > 0
         RETURNING budget.month, budget.spent, budget.cap),
       agent AS (
         UPDATE budget SET committed = committed + call.cost - call.bound, spent = budget.spent + call.cost,
                           excess = excess + greatest(call.cost - call.bound, 0)
           FROM call, month WHERE budget.id = 'agent:' || call.month || ':' || call.agent
         RETURNING budget.id),
       run_budget AS (
         UPDATE budget SET committed = committed + call.cost - call.bound, spent = spent + call.cost,
                           excess = excess + greatest(call.cost - call.bound, 0)
           FROM call, agent WHERE budget.id = 'run:' || call.run::text
         RETURNING budget.id),
       spend AS (
         UPDATE run SET spend_nano_usd = spend_nano_usd + call.cost
           FROM call WHERE run.id = call.run AND call.cost > 0 RETURNING run.id),
       alert AS (
         INSERT INTO budget_alert (id, kind, percent, said)
         SELECT 'month:' || month || ':' || mark, 'share', mark,
                mark || ' %% of the budget for language models of ' || month || ' is spent.'
           FROM month, unnest(ARRAY[50, 80, 100]) AS mark WHERE spent::numeric * 100 >= cap::numeric * mark
         ON CONFLICT (id) DO NOTHING RETURNING id),
       disabled AS (
         INSERT INTO llm_model_off (model, reason)
         SELECT model, 'It billed ' || cost || ' nano-dollars for a call bounded by ' || bound || '.'
           FROM call WHERE cost > bound
         ON CONFLICT (model) DO NOTHING RETURNING model),
       overrun AS (
         INSERT INTO budget_alert (id, kind, said)
         SELECT 'overrun:' || id, 'overrun', call.model || ' billed ' || cost
                || ' nano-dollars for a call bounded by ' || bound || '. It is disabled.'
           FROM call, disabled
         ON CONFLICT (id) DO NOTHING RETURNING id)
       SELECT cost AS cost_nano_usd, bound AS bound_nano_usd FROM call
        WHERE set_config('synchronous_commit', CASE WHEN cost > bound THEN 'on' ELSE 'off' END, true) IS NOT NULL""",
    Ended,
)

#: How the error of an answer begins that came, was paid, and did not keep its contract.
CONTRACT = "contract:"
BROKE = Statement(
    f"""UPDATE llm_call SET error = concat_ws(' ', %(said)s::text, error)
         WHERE id = %(call)s AND state = 'settled' AND NOT starts_with(coalesce(error, ''), '{CONTRACT}')
         RETURNING id""",
    CallId,
)


def _release(where: str) -> Statement[Touched]:
    return Statement(
        f"""WITH call AS (
              UPDATE llm_call SET state = 'released', error = %(error)s, ended_at = now()
               WHERE id = %(call)s AND {where} RETURNING month, agent, run, bound_nano_usd AS bound),
            month AS (
              UPDATE budget SET committed = committed - call.bound FROM call
               WHERE budget.id = 'month:' || call.month AND call.bound > 0 RETURNING budget.id),
            agent AS (
              UPDATE budget SET committed = committed - call.bound FROM call, month
               WHERE budget.id = 'agent:' || call.month || ':' || call.agent RETURNING budget.id),
            run AS (
              UPDATE budget SET committed = committed - call.bound FROM call, agent
               WHERE budget.id = 'run:' || call.run::text RETURNING budget.id)
            SELECT count(*) AS rows FROM call""",
        Touched,
    )


#: Nothing was billed: the provider said no, or was never reached.
RELEASE = _release("state IN ('reserved', 'dispatched')")
#: Whoever reserved it died before sending anything.
EXPIRE = _release("state = 'reserved' AND created_at < now() - make_interval(secs => %(seconds)s)")

UNSENT = Statement(
    """SELECT id FROM llm_call WHERE state = 'reserved' AND created_at < now() - make_interval(secs => %(seconds)s)
        ORDER BY created_at LIMIT %(limit)s""",
    CallId,
)
#: Sent, and nobody said how it ended for longer than any call may take. Charged at its bound, never released.
UNKNOWN = Statement(
    """SELECT id FROM llm_call WHERE state = 'dispatched' AND dispatched_at < now() - make_interval(secs => %(seconds)s)
        ORDER BY created_at LIMIT %(limit)s""",
    CallId,
)

#: A paid call was refused while hardly anything is left: for everyone who watches, the budget is spent.
EXHAUSTED = Command(
    """INSERT INTO budget_alert (id, kind, percent, said)
       SELECT 'month:' || month || ':100', 'share', 100,
              'The budget for language models of ' || month || ' is used up: only free models run.'
         FROM budget WHERE id = 'month:' || budget_month() AND committed::numeric * 100 >= cap::numeric * 95
       ON CONFLICT (id) DO NOTHING"""
)

UNTOLD = Statement(
    """SELECT id, kind, percent, said, raised_at FROM budget_alert WHERE told_at IS NULL
        ORDER BY raised_at, percent LIMIT 20 FOR UPDATE SKIP LOCKED""",
    AlertRow,
)
TOLD = Command("UPDATE budget_alert SET told_at = now() WHERE id = ANY(%(ids)s)")

MONTH = Statement(
    """SELECT cap, committed, spent, alerts.marks,
              coalesce(alerts.marks = 100, false) AND committed::numeric * 100 >= cap::numeric * 95 AS used_up
         FROM budget, (SELECT max(percent)::integer AS marks FROM budget_alert
                        WHERE id LIKE 'month:' || budget_month() || ':%%') AS alerts
        WHERE id = 'month:' || budget_month()""",
    MonthRow,
)

#: Whether an earlier attempt at a run asked a model for ``agent`` already. A second one would be a second charge.
SENT = Statement(
    """SELECT EXISTS (SELECT FROM llm_call
                       WHERE run = %(run)s AND agent = %(agent)s AND dispatched_at IS NOT NULL) AS sent""",
    Sent,
)
