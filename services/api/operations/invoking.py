"""``invoke``: the only way to call an operation, whichever door it was asked for through.

Scope, validation, policy, audit, call; in this order. What changes something is written down before it is tried, so
that nothing happens without a row, and a row that stays ``begun`` says that nobody knows how it ended.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from services.api.operations import policy
from services.api.operations.choices import with_choices
from services.api.operations.context import Context
from services.api.operations.rates import Kind
from services.api.operations.registry import File, Operation
from services.api.operations.secrets import masked, shown
from shared.errors import (
    ApprovalNeeded,
    ConflictError,
    DependencyError,
    Forbidden,
    GroundswellError,
    InputError,
    OutcomeUnknown,
)
from shared.store import access, approvals, notices
from shared.store import audit_log as log

Out = TypeVar("Out")
#: Of the arguments in the log. The hash is over all of them.
ARGUMENTS_SHOWN = 4_000
DETAIL_SHOWN = 500
_NUMBER = re.compile(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?", re.IGNORECASE)


async def invoke(
    wanted: Operation[Any, Out], context: Context, arguments: Mapping[str, Any], *, strict: bool = True
) -> Out:
    """Call ``wanted``. With ``strict`` off, numbers and times may come as text (a query string).

    Raises Forbidden without the scope, TooFast, InputError for arguments that do not fit, ApprovalNeeded (which has
    then been asked for), ConflictError for a key that was used for another call or whose call may have happened, and
    whatever ``GroundswellError`` the operation raises.
    """
    verdict = policy.decide(wanted, context.actor)
    for kind in _kinds(wanted):
        context.services.rates.take(kind, context.actor.name)
    given = read(wanted, arguments, strict=strict)
    if wanted.effect == "read":
        return await _call(wanted, context, given)
    return await _effect(wanted, context, given, verdict)


def _kinds(wanted: Operation[Any, Any]) -> list[Kind]:
    """Beside being a request, which the door has counted."""
    write: list[Kind] = [] if wanted.effect == "read" else ["write"]
    return [*write, "heavy"] if wanted.heavy else write


async def _call(wanted: Operation[Any, Out], context: Context, given: Any) -> Out:
    """Taint first: an answer that is cut off on its way may have been read."""
    actor = context.actor
    if wanted.taints and actor.token is not None and actor.kind == "agent" and not actor.tainted:
        await context.services.database.execute(access.TAINT, {"token": actor.token, "operation": wanted.name})
    return await wanted.call(context, given)


async def _effect(wanted: Operation[Any, Out], context: Context, given: Any, verdict: policy.Verdict) -> Out:
    call = digest(wanted, given)
    begun = await _begin(wanted, context, given, call)
    if begun.call != call:
        raise ConflictError("This key was used for another call.", do="Use a new Idempotency-Key for each call.")
    if not begun.fresh:
        if begun.outcome == "done":
            return _answered(wanted, begun.answer)
        if begun.outcome == "begun" and not wanted.idempotent:
            raise OutcomeUnknown(
                "It is not known whether this call has happened.",
                why="An earlier try with this key did not come to its end, and it must not happen twice.",
                do="Look whether it has; if not, call it with another key.",
            )
        await context.services.database.execute(log.REOPEN, {"id": begun.id})
    try:
        if verdict == "needs approval":
            await _use_approval(wanted, context, given, call, begun.id)
        answer = await _call(wanted, context, given)
    except GroundswellError as error:
        outcome = "refused" if isinstance(error, Forbidden) else "failed"
        if not isinstance(error, DependencyError):  # else it may have happened: the row stays open
            await _end(context, begun.id, outcome, error.what)
        raise
    keep = context.key is not None and wanted.toolset != "access" and not isinstance(answer, File)
    await _end(context, begun.id, "done", "", msgspec.json.encode(answer) if keep else None)
    return answer


async def _begin(wanted: Operation[Any, Any], context: Context, given: Any, call: bytes) -> log.Begun:
    actor = context.actor
    found = await context.services.database.fetch_one(
        log.BEGIN,
        {
            "actor": actor.name,
            "kind": actor.kind,
            "token": actor.token,
            "tainted": actor.tainted,
            "door": context.door,
            "operation": wanted.name,
            "effect": wanted.effect,
            "call": call,
            "arguments": masked(given)[:ARGUMENTS_SHOWN],
            "request": context.request,
            "key": context.key,
        },
    )
    assert found is not None  # noqa: S101 - INSERT ... RETURNING gives its row
    return found


async def _use_approval(wanted: Operation[Any, Any], context: Context, given: Any, call: bytes, row: str) -> None:
    """Use up the yes for this very call, or ask for one. Raises ApprovalNeeded."""
    actor, why = context.actor, policy.reason(wanted)
    about = {"actor": actor.name, "call": call}
    async with context.services.database.transaction() as transaction:
        used = await transaction.fetch_one(approvals.USE, about)
        if used is not None:
            await transaction.execute(log.APPROVED, {"id": row, "approval": used.id})
            return
        await transaction.execute(approvals.EXPIRE)
        waiting = await transaction.fetch_one(approvals.COUNT, about)
        if waiting is not None and waiting.count >= approvals.WAITING_MOST:
            raise Forbidden("Too many calls wait for an approval.", why=why, do="Wait until some are decided.")
        asked = await transaction.fetch_one(
            approvals.ASK,
            about
            | {
                "token": actor.token,
                "operation": wanted.name,
                "effect": wanted.effect,
                "arguments": shown(given),
                "reason": why,
            },
        )
        assert asked is not None  # noqa: S101 - INSERT ... RETURNING gives its row
        if waiting is None or not waiting.count:  # who asks for many is told of once
            said = f"{actor.name} asks whether it may call {wanted.name}. It waits for a day."
            about = {"id": f"approval:{asked.id}", "title": "A call waits for your yes", "said": said}
            await transaction.execute(notices.RAISE, about | {"page": "/models"})
    raise ApprovalNeeded(
        "A person has to approve this call first.",
        why=why,
        do=f"The operator approves it with `groundswell op approve_call --approval {asked.id}`; "
        "then make the same call again.",
        approval=asked.id,
    )


async def _end(context: Context, row: str, outcome: str, detail: str, answer: bytes | None = None) -> None:
    """Shielded: a caller that hangs up does not leave open what has ended."""
    told = {"id": row, "outcome": outcome, "detail": detail[:DETAIL_SHOWN], "answer": answer}
    await asyncio.shield(context.services.database.execute(log.END, told))


def _answered(wanted: Operation[Any, Out], answer: bytes | None) -> Out:
    """What an earlier try with the same key was told."""
    if answer is None:
        raise ConflictError("This call was made before with this key.", why="Its answer was not kept.")
    return msgspec.json.decode(answer, type=wanted.output)


def digest(wanted: Operation[Any, Any], given: Any) -> bytes:
    """What makes a call the same call: its operation and all its arguments."""
    said = msgspec.json.encode(given, order="sorted")
    return hashlib.sha256(wanted.name.encode() + b"\0" + said).digest()


def read(wanted: Operation[Any, Any], arguments: Mapping[str, Any], *, strict: bool = True) -> Any:
    """``arguments`` as the operation's input. Raises InputError."""
    _refuse_unstorable(arguments)
    try:
        given = msgspec.convert(arguments, wanted.input, strict=strict)
        if not strict:
            _refuse_taken_for_other(given, arguments)
        return given
    except msgspec.ValidationError as error:
        raise InputError(
            "The request is not valid.",
            why=f"{_readable(with_choices(error, wanted.input))}.",
            do=f"describe_operation tells what {wanted.name} accepts: GET /api/v1/operations/{wanted.name}.",
        ) from error


def _refuse_taken_for_other(given: Any, arguments: Mapping[str, Any]) -> None:
    """A text that was read as nothing ("null"), or a number that was read as a time: nobody is told of either."""
    for field in msgspec.structs.fields(given):
        text, value = arguments.get(field.encode_name), getattr(given, field.name)
        if isinstance(text, str) and (value is None or (isinstance(value, datetime) and _NUMBER.fullmatch(text))):
            raise InputError("The request is not valid.", why=f"`{field.encode_name}` cannot be {text[:40]!r}.")


def _readable(message: str) -> str:
    """msgspec's sentence with a field's name instead of a JSON path."""
    return message.replace("at `$.", "in `").rstrip(".")


def _refuse_unstorable(value: Any) -> None:
    """PostgreSQL can store neither NUL nor half a surrogate pair, and nobody means to send them."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise InputError("The request is not valid.", why="A text holds a character that cannot be stored.")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable(item)
