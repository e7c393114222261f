"""Send one alert to one destination, once if all goes well, and note how it went.

The claim is a row's; a worker that dies between sending and noting leads to a second sending after the claim
has ended: at least once, since no chat service lets a message be sent under an id.
"""

from __future__ import annotations

import random
from uuid import UUID

import msgspec

from services.worker import metrics
from services.worker.delivery import message, retry, through_apprise, webhook
from services.worker.delivery.outcome import Outcome
from shared.contracts.jobs import DELIVER_ALERT, DELIVERY_LEASE_SECONDS
from shared.errors import BrokerUnavailable, DependencyError
from shared.outbound.reach import Reach
from shared.schemas.alert import Alert
from shared.schemas.live import AlertRaised
from shared.store import alerts as alert_store
from shared.store import deliveries as store
from shared.store import notices
from shared.store.database import Database
from shared.store.ring import LivePublisher
from shared.telemetry import logs

#: Jobs put out anew in one sweep.
BATCH = 50


class Courier:
    """``deliver`` is the actor's work, ``put_out`` the loop's."""

    def __init__(self, database: Database, publisher: LivePublisher, public_url: str, reach: Reach) -> None:
        self._database, self._publisher, self._public_url = database, publisher, public_url
        self._reach = reach
        self._chance = random.Random()

    def deliver(self, delivery_id: str) -> None:
        """Work on the delivery unless it is done, somebody else has it, or it is not its time."""
        try:
            claim = {"delivery": UUID(delivery_id), "lease_seconds": DELIVERY_LEASE_SECONDS}
        except ValueError:
            logs.get(__name__).error("delivery_id_malformed")
            return
        try:
            claimed = self._database.fetch_one(store.CLAIM, claim)
            if claimed is not None:
                self._attempt(claimed)
        except DependencyError as error:  # the claim ends, and the job is put out again
            logs.get(__name__).warning("delivery_postponed", delivery=delivery_id, error=str(error))

    def put_out(self) -> int:
        """New jobs for deliveries whose time has come; their number. Raises StoreUnavailable."""
        job = {"actor": DELIVER_ALERT.actor, "queue": DELIVER_ALERT.queue}
        return self._database.execute(store.PUT_OUT, {**job, "lease_seconds": DELIVERY_LEASE_SECONDS, "limit": BATCH})

    def _attempt(self, claimed: store.Claimed) -> None:
        alert = self._read(claimed.alert) if claimed.alert else None
        notice = self._notice(claimed.notice) if claimed.notice else None
        outcome = self._send(claimed, alert[0] if alert else notice)
        row = {"delivery": claimed.id, "attempts": claimed.attempts, "reason": outcome.reason}
        if outcome.reason is None:
            ended = "sent"
            self._database.execute(store.SENT, row)
        elif not outcome.again or claimed.hours >= retry.HOURS_MOST:
            ended = "failed"
            attempts = "one attempt" if claimed.attempts == 1 else f"{claimed.attempts} attempts"
            given_up = f" Given up after {attempts}." if outcome.again else ""
            self._database.execute(store.FAILED, row | {"reason": f"{outcome.reason}{given_up}"})
        else:
            ended = "postponed"
            seconds = retry.pause_seconds(claimed.attempts, outcome.after_seconds, self._chance)
            self._database.execute(store.LATER, row | {"seconds": seconds})
        metrics.DELIVERIES.labels(claimed.kind, ended).inc()
        logs.get(__name__).info(
            "alert_delivered", delivery=claimed.id, kind=claimed.kind, outcome=ended, reason=outcome.reason
        )
        if claimed.alert:
            self._announce(claimed.alert)

    def _send(self, claimed: store.Claimed, told: message.Told) -> Outcome:
        with metrics.DELIVERY_SECONDS.labels(claimed.kind).time():
            if claimed.kind == "slack":
                return webhook.post(claimed.url, message.slack(told), self._reach)
            return through_apprise.notify(claimed.url, message.title(told), message.plain(told), self._reach)

    def _read(self, alert: str) -> tuple[Alert, int] | None:
        with self._database.transaction() as transaction:
            return alert_store.read(transaction, alert, self._public_url)

    def _notice(self, id_: str) -> notices.Notice | None:
        notice = self._database.fetch_one(notices.ONE, {"id": id_})
        return notice and msgspec.structs.replace(notice, page=f"{self._public_url}{notice.page}")

    def _announce(self, alert: str) -> None:
        """Tell the screens how it went. Best effort."""
        try:
            if found := self._read(alert):
                self._publisher.publish(AlertRaised(alert=found[0], unread=found[1]))
        except BrokerUnavailable as error:
            metrics.LIVE_FAILED.inc()
            logs.get(__name__).debug("delivery_not_announced", error=str(error))
