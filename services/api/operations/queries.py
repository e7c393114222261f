"""What operations take. Unknown fields are refused, so that a typing mistake is not silently ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from shared.schemas.base import Schema
from shared.schemas.feed import FeedChange, FeedRequest
from shared.schemas.run import RunRequest, RunStatus

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Minutes = Annotated[int, Meta(ge=1, le=1440)]
#: A feed's name: also part of addresses, metrics and thread names.
FeedId = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,62}$", examples=["jetstream"])]
BackfillMinutes = Annotated[int, Meta(ge=0, le=43_200)]
QueueEvents = Annotated[int, Meta(ge=100, le=1_000_000)]
QueueBytes = Annotated[int, Meta(ge=1 << 20, le=1 << 30)]


class FeedSeriesInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``minutes`` back from now."""

    feed: Name
    minutes: Minutes = 60


class FeedInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feed by its id."""

    feed: Name


class FeedHistoryInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``before`` is ``next`` of an earlier page."""

    feed: Name
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    before: UUID | None = None


class CreateFeedInput(FeedRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``FeedRequest`` says, with its bounds."""

    id: FeedId
    kind: Name
    backfill_minutes: BackfillMinutes = 60
    queue_events: QueueEvents | None = None
    queue_bytes: QueueBytes | None = None


class ChangeFeedInput(FeedChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``FeedChange`` says, with its bounds."""

    feed: Name
    backfill_minutes: BackfillMinutes | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET
    queue_events: QueueEvents | UnsetType | None = UNSET
    queue_bytes: QueueBytes | UnsetType | None = UNSET


class RemoveFeedInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``posts=delete`` removes the posts the feed brought as well; without it a feed that has any stays."""

    feed: Name
    posts: Literal["keep", "delete"] = "keep"


class PostsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``before`` is ``next`` of an earlier page."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: Annotated[str, Meta(max_length=100)] | None = None
    feed: Name | None = None


class PostInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A post by its id."""

    post: UUID


class TopicInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic by its id."""

    topic: Name


class MomentumInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The top ``limit`` topics over ``minutes``."""

    minutes: Minutes = 60
    limit: Annotated[int, Meta(ge=1, le=20)] = 5


class SearchInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look for: ``q``, or ``like`` (a post's id) for more like it, or filters alone; all together narrow it.

    ``q``: every word counts, "the words in quotes" stand together, ``OR`` is either, ``-`` leaves out, ``#tag``,
    ``$CASH`` and ``begin*`` are what they look like. ``since`` is inclusive, ``until`` exclusive; both need a time
    zone. ``language`` pt finds pt-BR too. ``author`` is a post's author. ``cursor`` is ``next`` of the page before,
    with everything else as it was. ``fold=false`` lists near copies one by one.
    """

    q: Annotated[str, Meta(max_length=500)] = ""
    like: UUID | None = None
    feed: Name | None = None
    language: (
        Annotated[str, Meta(pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, examples=["en", "pt-BR"])]
        | None
    ) = None
    author: Name | None = None
    topic: Name | None = None
    linked: bool | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None
    sort: Literal["relevance", "time"] = "relevance"
    fold: bool = True
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: Annotated[str, Meta(max_length=6000)] | None = None


class ClusterInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cluster by its id, and a page of its posts; ``before`` is ``next`` of an earlier page."""

    cluster: Name
    limit: Annotated[int, Meta(ge=1, le=200)] = 30
    before: Annotated[str, Meta(max_length=100)] | None = None


class CreateRunInput(RunRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``RunRequest`` says, with its bounds."""

    topic: Name


class RunsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one ``agent``, ``pipeline`` or ``kind``, about one ``topic``, in one ``status``; ``open`` is what is not over.

    ``before`` is ``next`` of an earlier page.
    """

    agent: Name | None = None
    pipeline: Name | None = None
    kind: Literal["briefing", "agent", "pipeline"] | None = None
    topic: Name | None = None
    status: RunStatus | Literal["open"] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    before: UUID | None = None


class RunInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run by its id."""

    run: UUID


class RetryRun(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``from_step`` is the name of a step: it and all after it are forgotten and done again."""

    from_step: Annotated[str, Meta(max_length=100)] = ""


class RetryRunInput(RetryRun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``RetryRun`` says, of a run by its id."""

    run: UUID


class ReportInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report by its id."""

    report: UUID


class ReportsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``before`` is ``next`` of an earlier page."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    before: UUID | None = None


class FindReportsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """About one ``topic``, with ``text`` in the title. ``before`` is ``next`` of an earlier page."""

    topic: Name | None = None
    text: Annotated[str, Meta(max_length=100)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    before: UUID | None = None
