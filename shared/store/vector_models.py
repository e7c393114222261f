"""The models whose vectors are kept: the one that search uses, and one that is being brought up to it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

from shared.store.database import Command, Statement

#: The old model's vectors stay so long after the switch: searches that began before it still compare them.
GRACE_SECONDS = 60


class VectorModel(msgspec.Struct, frozen=True, kw_only=True):
    """``done`` of ``total`` posts have its vector, where it is not ``complete``; ``lost``: nothing runs it.

    ``settled``: longer than GRACE_SECONDS in this state.
    """

    model: str
    state: Literal["building", "active"]
    complete: bool
    after: UUID
    done: int
    total: int
    lost: bool
    settled: bool


class Name(msgspec.Struct, frozen=True):
    """A model."""

    model: str


#: The active one first.
READ = Statement(
    f"""SELECT model, state, complete, after, done, total, lost,
               coalesce(activated_at, started_at) < now() - make_interval(secs => {GRACE_SECONDS}) AS settled
          FROM vector_model ORDER BY state, started_at""",
    VectorModel,
)

#: The first model of this record.
ADOPT = Command(
    """INSERT INTO vector_model (model, state, activated_at, complete) VALUES (%(model)s, 'active', now(), true)
       ON CONFLICT DO NOTHING"""
)

_ALL_POSTS = "SELECT count(*) FROM post WHERE deleted_at IS NULL AND text <> ''"

BUILD = Command(
    f"""INSERT INTO vector_model (model, state, complete, total)
        VALUES (%(model)s, 'building', false, ({_ALL_POSTS})) ON CONFLICT (model) DO NOTHING"""
)

#: Of other models than ``model``.
ABANDON = Command("DELETE FROM vector_model WHERE state = 'building' AND model <> %(model)s")

#: Vectors up to ``after`` are kept.
WALKED = Command(
    """UPDATE vector_model SET after = %(after)s, done = done + %(done)s
        WHERE model = %(model)s AND NOT complete AND after < %(after)s"""
)

COMPLETE = Command("UPDATE vector_model SET complete = true, done = 0, total = 0 WHERE model = %(model)s")

#: Both in one transaction: the active model goes, and the complete one takes its place.
RETIRE = Command(
    """DELETE FROM vector_model
        WHERE state = 'active' AND EXISTS (
                SELECT FROM vector_model WHERE model = %(model)s AND state = 'building' AND complete)"""
)
ACTIVATE = Command(
    """UPDATE vector_model SET state = 'active', activated_at = now()
        WHERE model = %(model)s AND state = 'building' AND complete"""
)

LOSE = Command("UPDATE vector_model SET lost = true WHERE model = %(model)s")

#: It runs again: what it missed is unknown, so all is looked through.
REGAIN = Command(
    f"""UPDATE vector_model
           SET lost = false, complete = false, after = '00000000-0000-0000-0000-000000000000', done = 0,
               total = ({_ALL_POSTS})
         WHERE model = %(model)s AND lost"""
)

#: Models that run and are not among ``models``: posts may not count as done without them.
LEFT_OUT = Statement("SELECT model FROM vector_model WHERE NOT lost AND model <> ALL (%(models)s::text[])", Name)
