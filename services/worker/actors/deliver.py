"""The actor behind the job ``deliver_alert``. It only passes the id on."""

from __future__ import annotations

from collections.abc import Callable

import dramatiq

from shared.contracts.jobs import DELIVER_ALERT, DELIVERY_LEASE_SECONDS

#: Less than a claim lasts: whoever is interrupted has let go before another may begin.
TIME_LIMIT_MILLISECONDS = (DELIVERY_LEASE_SECONDS - 15) * 1000


def register(broker: dramatiq.Broker, deliver: Callable[[str], None]) -> None:
    """Declare the actor on ``broker``. ``deliver`` takes the delivery's id."""

    @dramatiq.actor(
        actor_name=DELIVER_ALERT.actor,
        queue_name=DELIVER_ALERT.queue,
        broker=broker,
        time_limit=TIME_LIMIT_MILLISECONDS,
        max_retries=0,  # the delivery's row decides whether and when it is tried again
    )
    def deliver_alert(delivery_id: str) -> None:
        deliver(delivery_id)
