"""Where alerts are sent, and how each sending went."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.schemas.base import Schema
from shared.schemas.watch import DESTINATIONS_MOST

DestinationKind = Literal["slack", "apprise"]
DeliveryState = Literal["pending", "sent", "failed"]


class Delivery(Schema, frozen=True, kw_only=True):
    """One sending, of an alert or of a notice of the platform; without both it is a test.

    ``reason`` says why it has not been sent (yet). ``next_attempt_at`` is when a pending one is tried again, by the
    database's clock.
    """

    id: str
    alert: str | None
    notice: str | None
    destination: str
    destination_name: str
    state: DeliveryState
    attempts: int
    reason: str | None
    next_attempt_at: datetime | None
    sent_at: datetime | None
    created_at: datetime


class Destination(Schema, frozen=True, kw_only=True):
    """``address`` shows only what kind of address is kept: the address itself is a secret and never given out.

    ``notices`` says whether it also gets what the platform tells of itself.
    """

    id: str
    name: str
    kind: DestinationKind
    address: str
    notices: bool
    watches: int
    last: Delivery | None = None
    created_at: datetime


class DestinationList(Schema, frozen=True, kw_only=True):
    """All destinations by name; at most ``most`` can be saved."""

    destinations: list[Destination]
    most: int = DESTINATIONS_MOST


class DeliveryPage(Schema, frozen=True, kw_only=True):
    """Deliveries, newest first. ``next`` asks for the page after, as ``before``."""

    deliveries: list[Delivery]
    next: str | None = None
