"""What the last hour talks about, as the clusters job left it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from services.api.clusters.config import ClusterConfig
from services.api.clusters.frame import HEIGHT, WIDTH
from services.api.operations.context import Context
from services.api.operations.posts import position, read_position
from services.api.operations.queries import ClusterInput
from services.api.operations.registry import NoInput, operation
from shared.errors import NotFound
from shared.schemas.cluster import Cluster, ClusterDetail, ClusterList, ClusterState, ClusterTold
from shared.schemas.post import Post
from shared.store import clusters as store
from shared.store import posts as post_store
from shared.store.database import AsyncTransaction

#: Event time between the newest post and the picture from which on it is called old.
OLD = timedelta(minutes=5)
_WINDOW = ClusterConfig().window_minutes

_ADVICE: dict[ClusterState, str | None] = {
    "ok": None,
    "degraded": "It goes on by itself: nothing is lost.",
    "off": "Set GROUNDSWELL_EMBEDDING_MODEL=auto, or look at the relay's log. Search by words goes on.",
}
_NEVER = store.State(as_of=None, posts=0, sampled=0, compared=0, scattered=0, state="ok", reason=None, newest=None)


@operation("/api/v1/clusters", scope="posts:read", toolset="posts", taints=True, core=True)
async def clusters(context: Context, _: NoInput) -> ClusterList:
    """What the last hour talks about: groups of posts that mean the same, largest first, with their place on a map."""
    async with context.services.database.transaction() as transaction:
        state = await transaction.fetch_one(store.STATE) or _NEVER
        rows = await transaction.fetch(store.ALL)
        shown = await _shown(transaction, rows)
    said, reason = _said(state)
    return ClusterList(
        clusters=shown,
        as_of=state.as_of,
        window_minutes=_WINDOW,
        posts=state.posts,
        sampled=state.sampled,
        compared=state.compared,
        scattered=state.scattered,
        width=WIDTH,
        height=HEIGHT,
        state=said,
        reason=reason,
        do=_ADVICE[said],
    )


@operation("/api/v1/clusters/{cluster}", scope="posts:read", toolset="posts", taints=True, core=True)
async def cluster(context: Context, query: ClusterInput) -> ClusterDetail:
    """One cluster with its posts, newest first. ``next`` of a page is ``before`` of the following one."""
    params: dict[str, object] = {"cluster": query.cluster, "limit": query.limit + 1}
    if query.before is not None:
        params["time"], params["id"] = read_position(query.before)
    async with context.services.database.transaction() as transaction:
        row = await transaction.fetch_one(store.ONE, {"id": query.cluster})
        if row is None:
            raise NotFound(
                "There is no such cluster.",
                why="Nobody talks about it any more, or it was never there.",
                do="Look at /api/v1/clusters for what is there now.",
            )
        state = await transaction.fetch_one(store.STATE) or _NEVER
        shown = await _shown(transaction, [row])
        members = await transaction.fetch(store.MEMBERS if query.before is None else store.MEMBERS_BEFORE, params)
    page = [member.post() for member in members[: query.limit]]
    more = len(members) > query.limit
    return ClusterDetail(cluster=shown[0], posts=page, next=position(page[-1]) if more else None, as_of=state.as_of)


async def _shown(transaction: AsyncTransaction, rows: Sequence[store.ClusterRow]) -> list[Cluster]:
    """``rows`` with their posts; what its author has deleted since is left out."""
    stored = [msgspec.convert(row.told, ClusterTold) for row in rows]
    wanted = [post for one in stored for post in one.representatives]
    found = {row.id: row.post() for row in await transaction.fetch(post_store.SOME, {"ids": wanted})}
    return [_cluster(one, [found[post] for post in one.representatives if post in found]) for one in stored]


def _cluster(told: ClusterTold, examples: list[Post]) -> Cluster:
    fields = {name: getattr(told, name) for name in told.__struct_fields__ if name != "representatives"}
    return Cluster(**fields, examples=examples)


def _said(state: store.State) -> tuple[ClusterState, str | None]:
    """The job's own word, unless it has fallen silent."""
    if state.state == "ok" and state.as_of and state.newest and state.newest - state.as_of > OLD:
        behind = int((state.newest - state.as_of).total_seconds() // 60)
        return "degraded", f"This is from {behind} minutes before the newest post."
    return state.state, state.reason
