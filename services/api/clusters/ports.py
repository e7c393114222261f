"""What the job knows of the engine, so that it is imported only where clusters are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.api.clusters.config import ClusterConfig
from services.api.clusters.model import Item, Picture
from shared.schemas.vector import Vectors


class EngineLike(Protocol):
    """See ``services.api.clusters.engine.Engine``."""

    def refresh(self, items: Sequence[Item], vectors: Vectors, until_us: int) -> Picture: ...

    def snapshot(self) -> bytes: ...


class EngineMaker(Protocol):
    """Makes engines under one configuration."""

    config: ClusterConfig

    def engine(self, snapshot: bytes | None) -> EngineLike: ...
