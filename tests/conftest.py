"""Fixtures over the real engines. A test that asks for none of them starts none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from shared.config.settings import Settings
from shared.embedding.chain import load_embedder
from shared.embedding.embedder import Embedder
from shared.store.database import Database
from tests.support.engines import Postgres, postgres_server, valkey_server

_BETWEEN_JOURNEYS = 12


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the journeys early and apart, by whole files: they wait more than they work, and none should be left over
    when the workers have nothing else."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    order = [path for path in files if "journeys" not in path.parts]
    for place, path in enumerate(path for path in files if "journeys" in path.parts):
        order.insert(place * _BETWEEN_JOURNEYS, path)
    items[:] = [item for path in order for item in files[path]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tell", action="store_true", help="print what tests counted, for those who read and not judge")


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line that ``--tell`` prints at the end, whichever process the test ran in."""
    return lambda line: record_property("told", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--tell"):
        return
    ended = [report for reports in terminalreporter.stats.values() for report in reports]
    for report in ended:
        for name, line in getattr(report, "user_properties", []):
            if name == "told" and report.when == "call":
                terminalreporter.write_line(str(line))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def _valkey() -> Iterator[str]:
    with valkey_server() as url:
        yield url


@pytest.fixture
def valkey_url(_valkey: str) -> str:
    """An empty Valkey."""
    with redis.Redis.from_url(_valkey) as client:
        client.flushall()
    return _valkey


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """URL of a database of its own, at the present schema."""
    with postgres.fresh() as url:
        yield url


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """Executor over a database of its own."""
    database = Database(Settings(postgres_url=postgres_url), name="test", size=4)
    database.open()
    yield database
    database.close()


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    """The real model, built and loaded once a run."""
    embedder = load_embedder(Settings(), tmp_path_factory.mktemp("models"))
    assert embedder.available, embedder.reason
    return embedder
