"""Sending through Apprise, to whatever service its URL names. The only home of apprise, imported when used."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from services.worker.delivery.outcome import SENT, Outcome, private
from shared.outbound.reach import Reach

_ERROR = re.compile(r"error=(\d{3})\b")
#: One at a time: what Apprise says of a failure is said to a logger that all its senders share.
_one_at_a_time = threading.Lock()


def notify(url: str, title: str, body: str, reach: Reach) -> Outcome:
    """Send a plain text, where ``reach`` lets it. Never raises for what the other side does."""
    with reach.to(url) as trip:
        outcome = _notify(url, title, body)
    return private(trip) or outcome


def _notify(url: str, title: str, body: str) -> Outcome:
    with _one_at_a_time, warnings.catch_warnings(), _heard() as said:
        warnings.simplefilter("ignore", DeprecationWarning)  # its senders' remarks on what they import
        import apprise

        sender = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Groundswell", http_redirects=False))
        if not sender.add(url):
            return Outcome(reason="Apprise does not know this kind of URL, or a part of it is missing.")
        try:
            well = sender.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
        except TypeError:  # Apprise's own word for a message it cannot make
            return Outcome(reason="Apprise refused the message.")
    if well:
        return SENT
    codes = [int(code) for line in said for code in _ERROR.findall(line)]
    if not codes:
        return Outcome(reason="The service could not be reached, or refused the message.", again=True)
    status = codes[-1]
    if 300 <= status < 400:
        return Outcome(reason=f"The service answered {status}: it has moved. Redirects are not followed.")
    return Outcome(reason=f"The service answered {status}.", again=status in (408, 425, 429) or status >= 500)


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What Apprise warns of. It goes nowhere else: it may name the address."""
    logger, ear = logging.getLogger("apprise"), _Ear()
    before, logger.propagate = logger.propagate, False
    logger.addHandler(ear)
    logger.setLevel(logging.WARNING)
    try:
        yield ear.said
    finally:
        logger.removeHandler(ear)
        logger.propagate = before
