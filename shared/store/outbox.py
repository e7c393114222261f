"""Jobs wait here until the worker hands them to the broker: written with the run they belong to."""

from __future__ import annotations

from shared.store.database import Command

#: ``args`` is the JSON text of the job's keyword arguments.
PUT = Command("INSERT INTO outbox (actor, queue, args) VALUES (%(actor)s, %(queue)s, %(args)s::jsonb)")
