"""What waits, as metrics."""

from __future__ import annotations

from prometheus_client import REGISTRY

from services.worker.depths import KINDS, Depths
from shared.schemas.platform import Queues
from shared.store.database import Command, Database


def test_everything_that_waits_is_counted(database: Database) -> None:
    assert {*KINDS} == {*Queues.__struct_fields__} - {"outbox_oldest_seconds"}
    database.execute(Command("INSERT INTO run (kind, topic, title) SELECT 'agent', '', 'x' FROM generate_series(1, 3)"))
    Depths(database)()
    assert REGISTRY.get_sample_value("groundswell_worker_waiting", {"kind": "runs_queued"}) == 3
    assert REGISTRY.get_sample_value("groundswell_worker_waiting", {"kind": "outbox"}) == 0
    assert REGISTRY.get_sample_value("groundswell_worker_oldest_job_seconds") == 0
