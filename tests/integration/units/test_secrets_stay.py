"""Secrets reach neither logs, nor answers, metrics, the audit log, the record or a backup, whatever goes wrong.

A secret of its own is planted in every secret setting, token, destination and key; what can fail is made to fail, with
servers that send back what they were given; then everything that came out is searched.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import msgspec
import pytest

from services.api.operations.catalogue import OPERATIONS
from services.solo.folder import free_port
from shared.config.fields import fields
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store.database import Database, Statement
from tests.support.engines import Postgres
from tests.support.runs import ask, wait_for_end
from tests.support.topics import gathered, store_topic
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]


def planted(name: str) -> str:
    """A secret that is found wherever it goes."""
    return "PLANTED" + name.replace("_", "").upper() + "andsomemorecharacters5ecret"


class Echo(BaseHTTPRequestHandler):
    """Refuses everything, and says what it was given: address, headers and body."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        said = {"error": {"message": f"{self.path} {dict(self.headers)} {body.decode('utf-8', 'replace')}"}}
        answer = json.dumps(said).encode()
        self.send_response(401)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{quote(password)}@{host}"))


def secret_settings() -> dict[str, str]:
    """Every secret setting that is no address."""
    return {one.variable: planted(one.name) for one in fields() if one.about.secret and not one.about.url}


def kept_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("GROUNDSWELL_")}


@contextmanager
def unit(name: str, environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    kept = kept_environment()
    with (
        log.open("ab") as file,
        subprocess.Popen(
            [sys.executable, "-m", "services.cli.main", name],
            env={**kept, **environment},
            stdout=file,
            stderr=file,
            cwd=ROOT,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


class Whole(Schema, frozen=True, kw_only=True):
    """A table's name, or a row as text."""

    text: str


_TABLES = Statement("SELECT tablename AS text FROM pg_tables WHERE schemaname = 'public'", Whole)


def record_of(url: str) -> dict[str, str]:
    """All the record holds, as text, but the column in which addresses of destinations are kept on purpose."""
    database = Database(Settings(postgres_url=url), name="test", size=1)
    database.open()
    try:
        found = {}
        for table in database.fetch(_TABLES):
            left = " - 'url'" if table.text == "destination" else ""
            sql = f'SELECT (to_jsonb(t){left})::text AS text FROM "{table.text}" t'  # noqa: S608 - the table's own name
            found[table.text] = "\n".join(row.text for row in database.fetch(Statement(sql, Whole)))
        return found
    finally:
        database.close()


@pytest.fixture(scope="module")
def came_out(
    postgres: Postgres, _valkey: str, echo: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Everything that came out, by where."""
    folder = tmp_path_factory.mktemp("secrets")
    log, data = folder / "log", folder / "data"
    port, metrics, more_metrics = free_port(), free_port(), free_port()
    tiers, prices = folder / "tiers.toml", folder / "prices.json"
    about = 'tier = "small"\ncan = ["analysis"]\nquality = 1\ncontext = 100000\noutput = 4000\n'
    tiers.write_text(f'[[model]]\nname = "openai/small"\n{about}')
    prices.write_text(json.dumps({"small": {"input_cost_per_token": 1e-6, "output_cost_per_token": 5e-6}}))
    with postgres.fresh() as url:
        environment = {
            **secret_settings(),
            "GROUNDSWELL_POSTGRES_URL": with_password(url, planted("postgres_url")),
            "GROUNDSWELL_ANALYSIS_POSTGRES_URL": with_password(
                url.replace("postgres:@", "nobody:@"), planted("analysis_postgres_url")
            ),
            "GROUNDSWELL_VALKEY_URL": _valkey,
            "GROUNDSWELL_EMBEDDING_MODEL": "none",
            "GROUNDSWELL_DATA_DIR": str(data),
            "GROUNDSWELL_LOG_LEVEL": "debug",
            "GROUNDSWELL_API_PORT": str(port),
            "GROUNDSWELL_API_METRICS_PORT": str(metrics),
            "GROUNDSWELL_WORKER_METRICS_PORT": str(more_metrics),
            "GROUNDSWELL_OIDC_ISSUER": echo,
            "GROUNDSWELL_OIDC_CLIENT_ID": "groundswell",
            "GROUNDSWELL_LLM_OPENAI_URL": f"{echo}/v1",
            "GROUNDSWELL_LLM_LOCAL_HOSTS": "none",
            "GROUNDSWELL_LLM_TIERS_FILE": str(tiers),
            "GROUNDSWELL_LLM_PRICES_FILE": str(prices),
            "GROUNDSWELL_OUTBOUND_ALLOW": "127.0.0.1",
        }
        with unit("api", environment, log), unit("worker", environment, log):
            address = f"http://127.0.0.1:{port}"
            token = {"Authorization": f"Bearer {planted('api_token')}"}
            with httpx.Client(base_url=address, timeout=20, trust_env=False, headers=token) as client:
                until(lambda: answers(client), 40, f"the API is ready; see {log}")
                said = drive(client, echo, url)
                scraped = [httpx.get(f"http://127.0.0.1:{one}/metrics").text for one in (metrics, more_metrics)]
        away = environment | {
            "GROUNDSWELL_POSTGRES_URL": f"postgresql://u:{planted('postgres_url')}@127.0.0.1:9/x",
            "GROUNDSWELL_VALKEY_URL": f"redis://u:{planted('valkey_url')}@127.0.0.1:9/0",
        }
        with unit("api", away, log), httpx.Client(base_url=address, timeout=20, trust_env=False) as client:
            until(lambda: status(client, "/health/live") == 200, 40, "the API is up without its engines")
            until(
                lambda: "PostgreSQL" in client.get("/api/v1/topics", headers=token).text, 20, "it tells of PostgreSQL"
            )
            said["away"] = client.get("/api/v1/topics", headers=token).text + client.get("/health/ready").text
        for name, wrong in mistaken(environment).items():
            done = subprocess.run(
                [sys.executable, "-m", "services.cli.main", *name.split()],
                env=wrong,
                cwd=ROOT,
                capture_output=True,
                check=False,
            )
            said[name] = (done.stdout + done.stderr).decode()
        taken = folder / "backups"
        command = [sys.executable, "-m", "services.cli.main", "backup", "--to", str(taken)]
        done = subprocess.run(command, env=kept_environment() | environment, cwd=ROOT, capture_output=True, check=False)
        said["backup"] = (done.stdout + done.stderr).decode()
        for file in taken.rglob("*"):
            if file.is_file():
                said[f"backup's {file.name}"] = file.read_bytes().decode("latin-1")
        yield {
            **said,
            "log": log.read_text(),
            "metrics": "\n".join(scraped),
            **{f"table {table}": text for table, text in record_of(url).items()},
        }


def answers(client: httpx.Client) -> bool:
    return status(client, "/health/ready") == 200


def status(client: httpx.Client, path: str) -> int:
    try:
        return client.get(path).status_code
    except httpx.HTTPError:
        return 0


def drive(client: httpx.Client, echo: str, url: str) -> dict[str, str]:
    """Make things go wrong that hold secrets; the answers."""
    said: dict[str, str] = {}

    def call(name: str, /, **given: object) -> httpx.Response:
        answer = client.post(f"/api/v1/operations/{name}", json=given)
        said[f"{name} {len(said)}"] = answer.text
        return answer

    kinds = {"slack": f"{echo}/{planted('webhook')}", "apprise": f"{echo}/{planted('apprise')}".replace("http", "json")}
    for kind, address in kinds.items():
        made = call("create_destination", name=kind, kind=kind, url=address).json()
        call("check_destination", destination=made["id"])
        call("change_destination", destination=made["id"], url=f"not an address {planted('wrongaddress')}")
    call("create_destination", name="x", kind="slack", url=f"http://[{planted('wrongaddress')}")
    secret = client.post("/api/v1/access-tokens", json={"name": "t", "kind": "script"}).json()["secret"]
    for authorization in (f"Bearer {planted('guess')}", f"Bearer gsw_{planted('guess')}", f"Basic {planted('guess')}"):
        said[authorization[:8] + str(len(said))] = client.get(
            "/api/v1/feeds", headers={"Authorization": authorization}
        ).text
    said["token used"] = client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {secret}"}).text
    said["session"] = client.post("/api/v1/session", json={"token": planted("guess")}).text
    said["malformed"] = client.post("/api/v1/session", json={"token": [planted("guess")]}).text
    cookie = f"groundswell_session={planted('guess')}"
    said["cookie"] = httpx.get(f"{client.base_url}/api/v1/feeds", headers={"Cookie": cookie}).text
    said["sign-in"] = client.get(f"/api/v1/sign-in/back?code={planted('code')}&state={planted('state')}").text
    said["leave"] = client.get("/api/v1/sign-in/leave").text
    call("query", sql="SELECT 1 FROM nothing")
    database = Database(Settings(postgres_url=url), name="test", size=1)
    database.open()
    run = ask(database, store_topic(database, gathered()))
    wait_for_end(database, run)
    database.close()
    for operation in OPERATIONS:
        if operation.effect == "read" and not any(field.required for field in msgspec.structs.fields(operation.input)):
            call(operation.name)
    until(lambda: call("deliveries").text.count('"failed"') >= 2, 20, "deliveries have failed")
    said["token given"] = secret
    return said


def mistaken(environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Commands under settings that are wrong, with secrets in what is wrong."""
    kept = kept_environment()
    bad = dict(environment)
    for one in fields():
        if one.about.secret:
            bad[one.variable] = f"'{planted(one.name)}'"
    bad["GROUNDSWELL_POSTGRES_URL"] = f"postgres//u:{planted('postgres_url')}@x:port/y"
    return {
        "env check": kept | bad,
        "relay": kept | environment | {"GROUNDSWELL_POSTGRES_URL": f"mysql://u:{planted('postgres_url')}@h/x"},
    }


def test_no_planted_secret_comes_out_anywhere(came_out: dict[str, str]) -> None:
    token = came_out["token given"]
    found = {}
    for where, text in came_out.items():
        if where == "token given":
            continue
        low = text.lower()
        encoded = base64.b64encode(b"groundswell:" + planted("oidc_client_secret").encode()).decode()
        for secret in (token.lower(), encoded.lower()):
            if secret in low:
                found[where] = secret
        if "planted" in low and "5ecret" in low:
            place = low.index("planted")
            found[where] = text[max(0, place - 200) : place + 200]
    assert found == {}


def test_and_what_was_to_go_wrong_did(came_out: dict[str, str]) -> None:
    """Else nothing would have been proved."""
    log = came_out["log"]
    assert "sign_in_failed" in log or "identity provider" in came_out["leave"]
    assert "401" in came_out["table delivery"] + came_out["table llm_call"] + log
    assert came_out["table audit"].count("create_destination") >= 2
    assert "groundswell_api_requests_total" in came_out["metrics"]
    assert came_out["table llm_call"]
    assert "PostgreSQL" in came_out["away"]
    assert [where for where in came_out if "manifest" in where]
    assert sum(len(text) for where, text in came_out.items() if where.startswith("backup's")) > 10_000
    assert "GROUNDSWELL_API_TOKEN" in came_out["env check"]
