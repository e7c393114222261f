"""The last net: what must not be seen is cut out of every line, whoever writes it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from shared.config.fields import secrets_of
from shared.config.settings import Settings
from shared.telemetry import logs

SETTINGS = Settings(
    postgres_url="postgresql://u:pass%40word-long@h/x",
    api_token='with "quotes" and \\',
    llm_openai_api_key="sk-" + "a" * 20,
)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_secrets_are_values_and_passwords_in_addresses() -> None:
    assert secrets_of(SETTINGS) == {
        "pass%40word-long",
        "pass@word-long",
        SETTINGS.api_token,
        SETTINGS.llm_openai_api_key,
    }
    assert secrets_of(Settings(postgres_url="postgresql://u:short@h/x")) == set()


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_line_holds_one_whoever_writes_it(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    hidden = secrets_of(SETTINGS)
    logs.configure("test", level="debug", form=form, hidden=hidden)
    for secret in hidden:
        logs.get("x").info("said", what=f"a{secret}b", deep={"in": [secret]})
        logging.getLogger("library").warning("connecting with %s", secret)
        try:
            raise ValueError(f"bad dsn {secret}")
        except ValueError:
            logging.getLogger("library").exception("failed")
    said = capsys.readouterr().err
    assert said.count("...") >= 4 * len(hidden)
    assert [secret for secret in hidden if secret in said or json.dumps(secret)[1:-1] in said] == []
    if form == "json":
        assert [json.loads(line)["level"] for line in said.splitlines()]
