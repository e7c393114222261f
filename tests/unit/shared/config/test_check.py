"""Kinds of mistakes that people make in files of variables: each is found, with what to do, and no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.main import main
from shared.config.envfile import check, read
from shared.config.settings import Unit

GOOD = {
    "GROUNDSWELL_POSTGRES_URL": "postgresql://gs:9f2c71aa@postgres:5432/gs",
    "GROUNDSWELL_VALKEY_URL": "redis://:7be103cd@redis:6379/0",
    "GROUNDSWELL_API_HOST": "0.0.0.0",
    "GROUNDSWELL_API_TOKEN": "5d0c9a77e1f24b36",
    "GROUNDSWELL_PUBLIC_URL": "https://groundswell.example",
}

#: (what went wrong, the unit, what is set beside or over what is good, what is said).
MISTAKES: list[tuple[str, Unit, dict[str, str], str]] = [
    ("missing scheme", "api", {"PUBLIC_URL": "groundswell.example"}, "it must begin with http:// or https://"),
    ("wrong scheme", "api", {"POSTGRES_URL": "postgres+psycopg://gs@postgres/gs"}, "it must begin with postgresql://"),
    ("missing host", "api", {"QDRANT_URL": "http://"}, "the host is missing"),
    ("unreadable port", "api", {"VALKEY_URL": "redis://redis:sixthousand/0"}, "its port or host cannot be read"),
    ("port 0", "api", {"VALKEY_URL": "redis://redis:0/0"}, "port 0 is not an address"),
    (
        "another server's port",
        "api",
        {"POSTGRES_URL": "postgresql://gs@postgres:6379/gs"},
        "port 6379 is that of Valkey",
    ),
    ("gRPC port of Qdrant", "api", {"QDRANT_URL": "http://qdrant:6334"}, "port 6334 is that of Qdrant's gRPC"),
    ("slash in a password", "api", {"POSTGRES_URL": "postgresql://gs:pa/ss@postgres:5432/gs"}, "percent-encoded"),
    ("at sign in a password", "api", {"POSTGRES_URL": "postgresql://gs:p@ss@postgres/gs"}, "an @ within a password"),
    ("hash in a password", "api", {"POSTGRES_URL": "postgresql://gs:p7#s9@postgres:5432/gs"}, "percent-encoded"),
    (
        "path where none belongs",
        "api",
        {"QDRANT_URL": "http://qdrant:6333/collections"},
        "it has a path (/collections)",
    ),
    ("path in the public address", "api", {"PUBLIC_URL": "https://x.example/app"}, "it has a path (/app)"),
    ("password in the public address", "api", {"PUBLIC_URL": "https://me:pw91@x.example"}, "people would be shown"),
    ("query in the public address", "api", {"PUBLIC_URL": "https://x.example?a=1"}, "it has a query"),
    ("internal name as public address", "api", {"PUBLIC_URL": "http://api:8421"}, "people cannot open it"),
    ("private network as public address", "api", {"PUBLIC_URL": "http://a.railway.internal"}, "people cannot open it"),
    ("localhost in a container", "api", {"QDRANT_URL": "http://localhost:6333"}, "localhost is the container itself"),
    ("API on loopback in a container", "api", {"API_HOST": "127.0.0.1"}, "nobody outside the container reaches it"),
    ("placeholder token", "api", {"API_TOKEN": "change-me-please-now"}, "it is a placeholder"),
    ("example key", "api", {"QDRANT_API_KEY": "<your key>"}, "it is a placeholder"),
    (
        "placeholder password",
        "api",
        {"POSTGRES_URL": "postgresql://gs:changeme@db.example/gs"},
        "password is a placeholder",
    ),
    ("short token", "api", {"API_TOKEN": "5d0c9a77"}, "a token of 16 characters or more is required"),
    ("no token", "api", {"API_TOKEN": ""}, "a token of 16 characters or more is required"),
    ("quotes", "api", {"LOG_LEVEL": '"info"'}, "it stands in quotes"),
    ("a comment behind", "api", {"QDRANT_URL": "http://qdrant:6333 # ours"}, "a comment stands behind it"),
    ("reference nobody replaced", "api", {"POSTGRES_URL": "postgresql://gs:${PASSWORD}@postgres/gs"}, "a reference"),
    ("template nobody filled in", "worker", {"LLM_OPENAI_API_KEY": "{{ openai }}"}, "a reference"),
    ("unknown variable", "api", {"API_PROT": "9000"}, "Did you mean GROUNDSWELL_API_PORT?"),
    ("word for a number", "api", {"API_PORT": "eighty"}, "'eighty' is not a int"),
    ("too small", "relay", {"RELAY_POOL_SIZE": "1"}, "1 is below 2"),
    ("too large", "api", {"API_PORT": "70000"}, "70000 is above 65535"),
    ("no number", "worker", {"LLM_BUDGET_USD": "nan"}, "'nan' is no number"),
    ("none of the choices", "api", {"LOG_LEVEL": "verbose"}, "one of debug, info, warning, error"),
    ("missing variable", "relay", {"POSTGRES_URL": ""}, "it is not set"),
    ("Qdrant without its address", "api", {"VECTOR_BACKEND": "qdrant"}, "it is not set, but"),
    ("broken JSON", "relay", {"FEED_OPTIONS": "{cipher: cbc}"}, "it is no JSON object"),
    ("unknown runtime", "relay", {"EMBEDDING_RUNTIMES": "openvino,tensorrt"}, "'tensorrt' is none of"),
    ("key given twice", "relay", {"FEED_KEY": "ab" * 32, "FEED_KEY_FILE": "/run/key"}, "the key is given twice"),
    ("two on one port", "api", {"API_METRICS_PORT": "8420"}, "port 8420 is taken by GROUNDSWELL_API_PORT"),
    ("feed over HTTP", "relay", {"FEED_URL": "https://jetstream.example"}, "it must begin with ws:// or wss://"),
    ("node without a secret", "worker", {"RENDER_NODE_URL": "http://studio:8430"}, "RENDER_NODE_SECRET"),
]

#: Named where what is set elsewhere makes them needed.
ELSEWHERE = ("RENDER_NODE_SECRET", "QDRANT_URL")

DOUBTS: list[tuple[str, Unit, dict[str, str], str]] = [
    ("trailing slash", "api", {"QDRANT_URL": "http://qdrant:6333/"}, "the slash at its end is left out"),
    (
        "public way between services",
        "worker",
        {"AGENTS_API_URL": "https://groundswell.example"},
        "takes the public way",
    ),
    ("variable of another service", "relay", {"LLM_OPENAI_API_KEY": "sk-9c1f77"}, "the relay does not read it"),
    ("Windows line ends", "api", {"LOG_LEVEL": "info\r"}, "written on Windows"),
    ("blanks", "api", {"LOG_LEVEL": " info "}, "blanks stand around it"),
    ("no encryption for people", "api", {"PUBLIC_URL": "http://groundswell.example"}, "is there no https:// address"),
    ("no encryption of a feed", "relay", {"FEED_URL": "ws://feed.example/x"}, "is there no wss:// address"),
    ("unused Qdrant", "api", {"QDRANT_URL": "http://qdrant:6333"}, "it is not used"),
    ("vectors in memory", "api", {"VECTOR_BACKEND": "memory"}, "forgotten at each start"),
    ("removed before archived", "worker", {"RETENTION_DAYS": "2"}, "removed (GROUNDSWELL_RETENTION_DAYS) before"),
    ("run above month", "worker", {"LLM_BUDGET_USD": "5", "LLM_RUN_BUDGET_USD": "9"}, "more than the month"),
    ("key without money", "worker", {"LLM_BUDGET_USD": "0", "LLM_OPENAI_API_KEY": "sk-9c1f77"}, "no money for them"),
    ("one secret for two", "api", {"QDRANT_API_KEY": "5d0c9a77e1f24b36"}, "the same secret as"),
]


def given(variables: dict[str, str]) -> dict[str, str]:
    return {**GOOD, **{f"GROUNDSWELL_{name}": value for name, value in variables.items()}}


def test_what_is_good_is_found_good() -> None:
    assert check("api", GOOD, container=True) == []


@pytest.mark.parametrize(("unit", "variables", "said"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_found(unit: Unit, variables: dict[str, str], said: str) -> None:
    found = [one for one in check(unit, given(variables), container=True) if one.kind == "mistake"]
    lines = "\n".join(one.line() for one in found)
    assert said in lines
    assert all(one.variable.removeprefix("GROUNDSWELL_") in (*variables, *ELSEWHERE) for one in found), lines


@pytest.mark.parametrize(("unit", "variables", "said"), [row[1:] for row in DOUBTS], ids=[row[0] for row in DOUBTS])
def test_a_doubt_is_told_and_keeps_nobody_from_starting(unit: Unit, variables: dict[str, str], said: str) -> None:
    found = check(unit, given(variables), container=True)
    assert said in "\n".join(one.line() for one in found if one.kind == "doubt")
    assert not [one.line() for one in found if one.kind == "mistake"]


def test_all_of_them_are_found_at_once() -> None:
    values = given({"API_PORT": "eighty", "LOG_LEVEL": '"info"', "API_TOKEN": "secret", "QDRANT_URL": "qdrant:6333"})
    lines = [one.line() for one in check("api", values, container=True) if one.kind == "mistake"]
    assert len(lines) == 4


@pytest.mark.parametrize("row", [*MISTAKES, *DOUBTS], ids=lambda row: row[0])
def test_no_secret_is_shown(row: tuple[str, Unit, dict[str, str], str]) -> None:
    _, unit, variables, _ = row
    lines = "\n".join(one.line() for one in check(unit, given(variables), container=True))
    for secret in ("pa/ss", "p@ss", "p7#s9", "pw91", "9f2c71aa", "7be103cd", "5d0c9a77", "sk-9c1f77", "ab" * 32):
        assert secret not in lines


def file(tmp_path: Path, name: str, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / name
    path.write_text(text)
    path.chmod(mode)
    return path


def test_lines_of_a_file_are_judged_too(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        ".env",
        "# ours\nexport GROUNDSWELL_LOG_LEVEL='debug'\nGROUNDSWELL_API_PORT: 9000\nGROUNDSWELL_API_PORT=1\n"
        "GROUNDSWELL_API_PORT=9000\nGROUNDSWELL_API_TOKEN=5d0c9a77e1f24b36\nDATABASE_URL=x\nFRONTEND_PORT=80\n",
        0o644,
    )
    found = read(path)
    lines = [one.line() for one in found.findings + check("solo", found.values, container=False)]
    assert found.values["GROUNDSWELL_LOG_LEVEL"] == "debug", "quotes around the whole are the file's"
    assert [line.partition(":")[0] for line in lines] == [
        "line 3",
        "GROUNDSWELL_API_PORT",
        "GROUNDSWELL_API_TOKEN",
        "DATABASE_URL",
    ]
    assert "it is no NAME=value" in lines[0]
    assert "it is set again in line 5" in lines[1]
    assert f"chmod 600 {path}" in lines[2]
    assert "the setting is called GROUNDSWELL_POSTGRES_URL" in lines[3]


def test_files_are_compared_with_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engines = "GROUNDSWELL_POSTGRES_URL=postgresql://gs:{}@postgres/gs\nGROUNDSWELL_VALKEY_URL=redis://redis:6379/0\n"
    relay = file(tmp_path, "relay.env", engines.format("9f2c71aa") + "GROUNDSWELL_EMBEDDING_MODEL=english\n")
    worker = file(tmp_path, "worker.env", engines.format("1b4d") + "GROUNDSWELL_LOG_LEVEL=debug\n")
    assert main(["env", "check", f"relay={relay}", f"worker={worker}"]) == 78
    said = capsys.readouterr().out
    assert "1 mistake in these files beside each other" in said
    assert "GROUNDSWELL_POSTGRES_URL (needed by relay, api, worker): relay and worker have different secrets" in said
    assert "1b4d" not in said
    worker.write_text(engines.format("9f2c71aa"))
    assert main(["env", "check", f"relay={relay}", f"worker={worker}"]) == 0
    assert capsys.readouterr().out.count("is right.") == 2


def test_what_cannot_be_read_or_is_no_unit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env", "check", str(tmp_path / "none")]) != 0
    assert "cannot be read" in capsys.readouterr().err
    assert main(["env", "check", "rely=x"]) != 0
    assert "Did you mean relay?" in capsys.readouterr().err
