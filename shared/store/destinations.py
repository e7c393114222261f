"""Destinations as the interfaces read and change them. Their addresses never leave through here."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.destination import Delivery, DeliveryState, Destination, DestinationKind
from shared.store.database import Command, Statement
from shared.store.watches import Count, Id


class DestinationRow(Schema, frozen=True, kw_only=True):
    """A destination without its address; ``scheme`` is what stands before ``://``."""

    id: str
    name: str
    kind: DestinationKind
    scheme: str
    notices: bool
    watches: int
    created_at: datetime

    def destination(self, last: Delivery | None) -> Destination:
        """The destination as interfaces show it."""
        return Destination(
            id=self.id,
            name=self.name,
            kind=self.kind,
            address=f"{self.scheme}://…",
            notices=self.notices,
            watches=self.watches,
            last=last,
            created_at=self.created_at,
        )


class DeliveryRow(Schema, frozen=True, kw_only=True):
    """A delivery with its destination's name."""

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

    def delivery(self) -> Delivery:
        """The delivery as interfaces show it."""
        return Delivery(**{name: getattr(self, name) for name in self.__struct_fields__})


_DESTINATION = """
  SELECT id::text, name, kind, substring(url from '^([A-Za-z][A-Za-z0-9+.-]*)://') AS scheme, notices, created_at,
         (SELECT count(*) FROM watch WHERE destination.id = ANY(destinations)) AS watches
    FROM destination"""

ALL = Statement(f"{_DESTINATION} ORDER BY name, id", DestinationRow)
ONE = Statement(f"{_DESTINATION} WHERE id = %(destination)s", DestinationRow)
COUNT = Statement("SELECT count(*) AS count FROM destination", Count)
CREATE = Statement(
    """INSERT INTO destination (name, kind, url, notices) VALUES (%(name)s, %(kind)s, %(url)s, %(notices)s)
       RETURNING id::text""",
    Id,
)
RENAME = Command("UPDATE destination SET name = %(name)s WHERE id = %(destination)s")
READDRESS = Command("UPDATE destination SET url = %(url)s WHERE id = %(destination)s")
NOTICES = Command("UPDATE destination SET notices = %(notices)s WHERE id = %(destination)s")
#: Watches no longer send there.
REMOVE = Statement(
    """WITH unsaid AS (UPDATE watch SET destinations = array_remove(destinations, %(destination)s::uuid)
                        WHERE %(destination)s::uuid = ANY(destinations))
       DELETE FROM destination WHERE id = %(destination)s RETURNING id::text""",
    Id,
)

_DELIVERY = """
  SELECT delivery.id::text, alert::text, notice, destination::text, destination.name AS destination_name, state,
         attempts, reason, CASE WHEN state = 'pending' THEN next_at END AS next_attempt_at, sent_at, delivery.created_at
    FROM delivery JOIN destination ON destination.id = delivery.destination"""

#: The latest delivery to each destination.
LAST = Statement(
    f"""SELECT DISTINCT ON (destination) * FROM ({_DELIVERY}) AS every
         ORDER BY destination, created_at DESC, id""",
    DeliveryRow,
)
#: Newest first; ``before`` is the last one of the page before.
PAGE = Statement(
    f"""SELECT * FROM ({_DELIVERY}) AS every
         WHERE (%(state)s::text IS NULL OR state = %(state)s)
           AND (%(destination)s::uuid IS NULL OR destination = %(destination)s::uuid::text)
           AND (%(before)s::uuid IS NULL OR (created_at, id) <
                 (SELECT b.created_at, b.id::text FROM delivery b WHERE b.id = %(before)s::uuid))
         ORDER BY created_at DESC, id DESC LIMIT %(limit)s""",
    DeliveryRow,
)
#: One that had failed begins anew, with all its attempts and its day; its job is put out with the next that are due.
RETRY = Statement(
    """UPDATE delivery SET state = 'pending', attempts = 0, reason = NULL, created_at = now(), next_at = now(),
              claimed_to = NULL
        WHERE id = %(delivery)s AND state = 'failed' RETURNING id::text""",
    Id,
)
DELIVERY = Statement(f"{_DELIVERY} WHERE delivery.id = %(delivery)s", DeliveryRow)
OF_ALERTS = Statement(f"{_DELIVERY} WHERE alert = ANY(%(alerts)s::uuid[]) ORDER BY destination.name", DeliveryRow)

#: A test's delivery with its job. ``next_at`` lies ahead: the job is on its way.
TEST = Statement(
    """WITH made AS (
         INSERT INTO delivery (destination, next_at)
         VALUES (%(destination)s, now() + make_interval(secs => %(lease_seconds)s)) RETURNING id),
       job AS (INSERT INTO outbox (actor, queue, args)
               SELECT %(actor)s, %(queue)s, jsonb_build_object('delivery_id', id::text) FROM made)
       SELECT id::text FROM made""",
    Id,
)
