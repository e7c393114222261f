"""Shows Prometheus the figures of the last seven days. Only the leader does: they are the whole platform's."""

from __future__ import annotations

import math
import time

from services.api.metrics import BUSINESS_RATIO, BUSINESS_WHOLE, INTERACTION_COST
from services.api.scheduler.lease import Lease
from shared.errors import DependencyError
from shared.store import business as store
from shared.store.database import Database
from shared.telemetry import logs

DAYS = 7
EVERY_SECONDS = 60.0


class BusinessJob:
    """Reads once a minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due = 0.0

    def run(self, lease: Lease) -> bool:
        """Read again when it is time. Writes nothing, so nothing is fenced."""
        if time.monotonic() < self._due:
            return False
        self._due = time.monotonic() + EVERY_SECONDS
        try:
            figures = store.together(self._database.fetch(store.DAYS, {"days": DAYS}))
        except DependencyError as error:
            # Figures that are late are no reason for the jobs beside this one to begin anew.
            logs.get(__name__).info("business_figures_wait", error=str(error))
            return False
        for name in store.FIGURES:
            figure = getattr(figures, name)
            value = math.nan if figure.value is None else figure.value
            if name == "interaction_cost":
                INTERACTION_COST.set(value)
            else:
                BUSINESS_RATIO.labels(name).set(value)
            BUSINESS_WHOLE.labels(name).set(figure.whole)
        return False

    def forget(self) -> None:
        """Another process leads: what was shown is old."""
        self._due = 0.0
        BUSINESS_RATIO.clear()
        BUSINESS_WHOLE.clear()
        INTERACTION_COST.set(math.nan)
