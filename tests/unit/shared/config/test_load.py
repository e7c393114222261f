"""Configuration fails fast, and says everything at once."""

from __future__ import annotations

import pytest

from shared.config.fields import PREFIX, fields
from shared.config.load import environment_of, load
from shared.errors import ConfigurationError

ENGINES = {
    "GROUNDSWELL_POSTGRES_URL": "postgresql://gs@db:5432/gs",
    "GROUNDSWELL_VALKEY_URL": "redis://valkey:6379/0",
}


def mistakes(unit: str, **variables: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(unit, {**ENGINES, **{PREFIX + name: value for name, value in variables.items()}})  # type: ignore[arg-type]
    return str(caught.value)


def test_the_defaults_are_enough_for_solo() -> None:
    settings = load("solo", {})
    assert settings.api_host == "127.0.0.1"
    assert settings.api_port == 8420


def test_all_mistakes_are_told_at_once_with_variable_unit_and_example() -> None:
    text = mistakes("api", API_PORT="eighty", RELAY_POOL_SIZE="1", LOG_LEVEL="loud", API_PROT="1")
    assert "GROUNDSWELL_API_PORT (needed by solo, api, worker): 'eighty' is not a int" in text
    assert "GROUNDSWELL_RELAY_POOL_SIZE (needed by relay): 1 is below 2" in text
    assert "GROUNDSWELL_LOG_LEVEL" in text
    assert "one of debug, info, warning, error" in text
    assert "GROUNDSWELL_API_PROT: no such setting. Did you mean GROUNDSWELL_API_PORT?" in text
    assert "Example: GROUNDSWELL_API_PORT=8420" in text


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("POSTGRES_URL", "mysql://db/x", "must begin with postgresql:// or postgres://"),
        ("POSTGRES_URL", "postgresql://gs:pa/ss@db:x/gs", "percent-encoded"),
        ("VALKEY_URL", "http://valkey", "must begin with redis://"),
        ("FEED_URL", "https://feed.example", "must begin with ws:// or wss://"),
        ("FEED_URL", "wss://", "the host is missing"),
        ("FEED_URL", "wss://a.example, https://b.example", "must begin with ws:// or wss://"),
        ("FEED_URL", "wss://feed.example:0/x", "port 0"),
        ("PUBLIC_URL", "groundswell.example", "must begin with http://"),
        ("API_PORT", "70000", "70000 is above 65535"),
    ],
)
def test_a_url_or_number_that_cannot_work_is_refused(variable: str, value: str, said: str) -> None:
    assert said in mistakes("api", **{variable: value})


def test_the_command_line_wins_and_passes_the_same_checks() -> None:
    environment = {PREFIX + "API_PORT": "9000"}
    assert load("solo", environment, {"api_port": 9001, "data_dir": None}).api_port == 9001
    with pytest.raises(ConfigurationError, match="70000 is above 65535"):
        load("solo", environment, {"api_port": 70_000})


def test_a_trailing_slash_is_taken_off_once_and_for_all() -> None:
    settings = load("solo", {PREFIX + "PUBLIC_URL": "https://groundswell.example/"})
    assert settings.public_url == "https://groundswell.example"


def test_a_feed_may_name_several_hosts() -> None:
    settings = load("solo", {PREFIX + "FEED_URL": "wss://a.example/s/,wss://b.example/s ,"})
    assert settings.feed_url == "wss://a.example/s, wss://b.example/s"


def test_a_service_needs_its_engines() -> None:
    with pytest.raises(ConfigurationError, match=r"GROUNDSWELL_POSTGRES_URL .*: it is not set"):
        load("relay", {})


def test_qdrant_needs_an_address() -> None:
    assert "GROUNDSWELL_QDRANT_URL" in mistakes("relay", VECTOR_BACKEND="qdrant")


def test_listening_beyond_this_machine_needs_a_token() -> None:
    assert "token of 16 characters" in mistakes("api", API_HOST="0.0.0.0")
    assert "token of 16 characters" in mistakes("api", API_HOST="0.0.0.0", API_TOKEN="short")
    load("api", {**ENGINES, PREFIX + "API_HOST": "0.0.0.0", PREFIX + "API_TOKEN": "0a9b" * 4})


def test_a_secret_never_shows_in_a_message() -> None:
    assert "hunter2" not in mistakes("relay", POSTGRES_URL="mysql://gs:hunter2@db/gs")


def test_settings_survive_the_way_through_an_environment() -> None:
    settings = load("api", {**ENGINES, PREFIX + "API_PORT": "9000", PREFIX + "LOG_FORMAT": "text"})
    assert load("api", environment_of(settings)) == settings


def test_every_setting_is_explained_with_an_example() -> None:
    assert [field.variable for field in fields() if not (field.about.doc and field.about.example)] == []
