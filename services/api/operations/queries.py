"""What operations take. Unknown fields are refused, so that a typing mistake is not silently ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from shared.schemas.base import Schema
from shared.schemas.run import RunRequest

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Minutes = Annotated[int, Meta(ge=1, le=1440)]


class FeedSeriesInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``minutes`` back from now."""

    feed: Name
    minutes: Minutes = 60


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
    """``since`` is inclusive, ``until`` exclusive; both need a time zone."""

    q: Annotated[str, Meta(min_length=1, max_length=500)]
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    feed: Name | None = None
    language: Annotated[str, Meta(pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)] | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None


class CreateRunInput(RunRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``RunRequest`` says, with its bounds."""

    topic: Name


class RunInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run by its id."""

    run: UUID


class ReportInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report by its id."""

    report: UUID
