"""One small stream shared by the tests that only read it."""

from __future__ import annotations

import pytest

from services.solo.simulator.corpus import Corpus
from services.solo.simulator.stream import Stream
from tests.support import texts

#: 2026-09-21 12:00 UTC.
ANCHOR_US = 1_789_992_000_000_000


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return texts.corpus()


@pytest.fixture(scope="session")
def stream(corpus: Corpus) -> Stream:
    return Stream(seed=7, rate=40, anchor_us=ANCHOR_US, corpus=corpus)
