"""What the operations on watches, alerts and destinations take. The public form of a body, then with its path."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from shared.schemas.base import Schema
from shared.schemas.destination import DestinationKind
from shared.schemas.watch import DESTINATIONS_MOST, WatchName, WatchRule

Time = Annotated[datetime, Meta(tz=True)]
Destinations = Annotated[list[UUID], Meta(max_length=DESTINATIONS_MOST)]
Address = Annotated[str, Meta(min_length=1, max_length=2000)]


class NewWatch(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A watch to save."""

    name: WatchName
    rule: WatchRule
    destinations: Destinations = []


class WatchInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A watch by its id."""

    watch: UUID


class WatchChange(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. A new rule begins anew, from the present on."""

    name: WatchName | UnsetType = UNSET
    rule: WatchRule | UnsetType = UNSET
    destinations: Destinations | UnsetType = UNSET
    paused: bool | UnsetType = UNSET


class ChangeWatchInput(WatchChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``WatchChange`` of one watch."""

    watch: UUID


class Snooze(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For ``minutes`` from now by the database's clock, or ``until`` a time. One of the two."""

    minutes: Annotated[int, Meta(ge=1, le=527_040)] | None = None
    until: Time | None = None


class SnoozeInput(Snooze, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``Snooze`` of one watch."""

    watch: UUID


class Period(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[start, end) of event time; both need a time zone. Without ``end``, up to the newest post.

    Without ``start``, the seven days before the end.
    """

    start: Time | None = None
    end: Time | None = None


class BacktestInput(Period, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that need not be saved, and a period."""

    rule: WatchRule


class WatchBacktestInput(Period, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``Period`` for a saved watch."""

    watch: UUID


class AlertsInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``before`` is ``next`` of an earlier page; ``unread`` leaves out what was acknowledged."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    before: Annotated[str, Meta(max_length=100)] | None = None
    watch: UUID | None = None
    unread: bool = False


class AlertInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert by its id."""

    alert: UUID


class AcknowledgeInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """These alerts, or all of ``watch``, or with neither all there are."""

    alerts: Annotated[list[UUID], Meta(max_length=1000)] | None = None
    watch: UUID | None = None


class NewDestination(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``slack``: the https address of an incoming webhook. ``apprise``: any Apprise URL.

    With ``notices`` it also gets what the platform tells of itself: marks of the budget, calls that wait for a yes.
    """

    name: WatchName
    kind: DestinationKind
    url: Address
    notices: bool = False


class DestinationInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A destination by its id."""

    destination: UUID


class DestinationChange(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. The kind stays as it is."""

    name: WatchName | UnsetType = UNSET
    url: Address | UnsetType = UNSET
    notices: bool | UnsetType = UNSET


class ChangeDestinationInput(DestinationChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``DestinationChange`` of one destination."""

    destination: UUID


class DeliveryInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A delivery by its id."""

    delivery: UUID
