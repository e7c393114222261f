"""What can be wrong with settings, beyond type and range: each rule looks at texts or values and names what it finds.

A mistake keeps a unit from starting. A doubt is something that works and is seldom meant; ``groundswell env check``
tells it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from shared.config.fields import Field, by_name
from shared.config.hosts import read_hosts
from shared.config.people import read_rules
from shared.config.render_node import render_node_mistakes
from shared.config.settings import EMBEDDING_RUNTIMES, Settings, Unit

LOOPBACK = ("127.0.0.1", "::1", "localhost", "0.0.0.0")  # noqa: S104 - compared, not listened on
#: The least length of the token that guards an API others can reach.
LEAST_TOKEN = 16
#: What stands in examples, and in settings that nobody filled in.
_PLACEHOLDER = re.compile(
    r"change[-_ ]?me.*|replace[-_ ]?me.*|your[-_ ].*|<.*>|\*+|x{3,}|todo|placeholder|example|secret|password|postgres|"
    r"groundswell|admin|test|k3y|key|sk-|sk-ant-\.\.\.|aiza\.\.\.|a long random text|0?123456\d*",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)|\{\{.*?\}\}")
#: Whose server listens there; an address on another's port is a mix-up.
_PORTS = {5432: "PostgreSQL", 6379: "Valkey", 6333: "Qdrant", 6334: "Qdrant's gRPC", 8420: "the API", 11434: "Ollama"}
#: Names that only services beside each other know.
_INSIDE = (".internal", ".svc", ".cluster.local")
_SERVICES = ("api", "relay", "worker", "frontend", "postgres", "redis", "valkey", "qdrant")


class Finding(msgspec.Struct, frozen=True):
    """``wrong`` with ``variable``, which ``units`` need. Secrets are never part of it."""

    variable: str
    wrong: str
    units: tuple[str, ...] = ()
    example: str = ""
    kind: Literal["mistake", "doubt"] = "mistake"

    def line(self) -> str:
        """For people."""
        needed = f" (needed by {', '.join(self.units)})" if self.units else ""
        return f"{self.variable}{needed}: {self.wrong}.{f' Example: {self.example}' if self.example else ''}"


def mistake(field: Field, wrong: str) -> Finding:
    """``wrong`` with a setting, with its example."""
    example = f"{field.variable}={field.about.example}" if field.about.example else ""
    return Finding(field.variable, wrong, field.about.units, example)


def doubt(field: Field, wrong: str) -> Finding:
    """Something that is seldom meant."""
    return Finding(field.variable, wrong, field.about.units, kind="doubt")


def of_text(field: Field, raw: str) -> Iterator[Finding]:
    """What the text itself shows, before it is read as anything."""
    text = raw.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        yield mistake(field, "it stands in quotes, which are part of the value here")
    if _REFERENCE.search(text):
        yield mistake(field, "it holds a reference that nothing has replaced")
    if field.about.secret and not field.about.url and _PLACEHOLDER.fullmatch(text):
        yield mistake(field, "it is a placeholder, not a secret")
    if "\r" in raw or "\n" in raw:
        yield doubt(field, "a line break is in it; was the file written on Windows?")
    elif raw != text:
        yield doubt(field, "blanks stand around it")
    if field.about.url and re.search(r"\s#", text):
        yield mistake(field, "a comment stands behind it, which is part of the value here")


def of_url(field: Field, value: str) -> Iterator[Finding]:
    """What an address shows that can be read."""
    about = field.about.url
    if about is None or not value:
        return
    parts = urlsplit(value)
    if value.endswith("/"):
        yield doubt(field, "the slash at its end is left out")
    if not about.path and parts.path.strip("/"):
        yield mistake(field, f"it has a path ({parts.path}), and only host and port belong there")
    if about.reach != "outside" and parts.fragment:
        yield mistake(field, "it has a #, which must be percent-encoded (%23) within a password")
    if parts.password and _is_placeholder(parts):
        yield mistake(field, "its password is a placeholder")
    if about.port and parts.port in _PORTS and parts.port != about.port:
        yield mistake(field, f"port {parts.port} is that of {_PORTS[parts.port]}")
    if about.reach == "public":
        yield from _of_public(field, parts)
    if field.name == "feed_url" and parts.scheme == "ws" and not _is_near(parts.hostname):
        yield doubt(field, "what travels is not encrypted; is there no wss:// address")


def _of_public(field: Field, parts: SplitResult) -> Iterator[Finding]:
    host = parts.hostname or ""
    if parts.username or parts.password:
        yield mistake(field, "people would be shown the name and password in it")
    if parts.query:
        yield mistake(field, "it has a query, and only scheme, host and port belong there")
    if host in LOOPBACK:
        return
    if host in _SERVICES or host.endswith(_INSIDE):
        yield mistake(field, f"{host} is known within the stack only; people cannot open it")
    elif parts.scheme == "http":
        yield doubt(field, "what people send is not encrypted; is there no https:// address")


def of_settings(unit: Unit, settings: Settings, given: Mapping[str, str]) -> Iterator[Finding]:
    """Mistakes that no single value shows. ``given``: the texts by field, of those that are set."""
    field = by_name()
    if unit not in ("solo", "render-node"):
        for name in ("postgres_url", "valkey_url"):
            if not getattr(settings, name):
                yield mistake(field[name], "it is not set")
    if not _is_object(settings.feed_options):
        yield mistake(field["feed_options"], "it is no JSON object")
    runtimes = [name.strip() for name in settings.embedding_runtimes.split(",")]
    if unknown := [name for name in runtimes if name not in EMBEDDING_RUNTIMES]:
        yield mistake(field["embedding_runtimes"], f"{unknown[0]!r} is none of " + ", ".join(EMBEDDING_RUNTIMES))
    if settings.feed_key and settings.feed_key_file:
        yield mistake(field["feed_key"], "the key is given twice, here and in GROUNDSWELL_FEED_KEY_FILE")
    if settings.relay_shard >= settings.relay_shards:
        last = settings.relay_shards - 1
        yield mistake(
            field["relay_shard"], f"of {settings.relay_shards} relays (GROUNDSWELL_RELAY_SHARDS) the last is {last}"
        )
    for name, wrong in render_node_mistakes(unit, settings):
        yield mistake(field[name], wrong)
    if settings.vector_backend == "qdrant" and not settings.qdrant_url:
        yield mistake(field["qdrant_url"], "it is not set, but GROUNDSWELL_VECTOR_BACKEND is qdrant")
    yield from _of_token(unit, settings)
    yield from _of_sign_in(settings)
    yield from _of_ports(settings)
    yield from _doubts(settings, given)


def _of_token(unit: Unit, settings: Settings) -> Iterator[Finding]:
    """Solo makes a token where none is given."""
    field, beyond = by_name(), settings.api_host not in LOOPBACK[:3]
    made = unit == "solo" and not settings.api_token
    if unit in ("api", "solo") and beyond and not made and len(settings.api_token) < LEAST_TOKEN:
        wrong = f"the API listens beyond this machine, so a token of {LEAST_TOKEN} characters or more is required"
        yield mistake(field["api_token"], wrong)
    if unit in ("api", "solo") and settings.loopback == "open":
        if beyond:
            yield mistake(field["loopback"], "the API listens beyond this machine, where nothing may be open")
        elif settings.oidc_issuer:
            yield doubt(field["loopback"], "who is on this machine comes in without signing in")
    if unit == "api" and settings.loopback == "closed" and not settings.api_token and not settings.oidc_issuer:
        yield mistake(field["api_token"], "it is not set, and GROUNDSWELL_LOOPBACK=closed lets in nobody without")


def _of_sign_in(settings: Settings) -> Iterator[Finding]:
    field = by_name()
    if settings.oidc_issuer:
        if not settings.oidc_client_id:
            yield mistake(field["oidc_client_id"], "it is not set, but GROUNDSWELL_OIDC_ISSUER is")
        if not settings.oidc_roles:
            yield doubt(field["oidc_roles"], "nobody who signs in has a role, so all are sent away")
        parts = urlsplit(settings.oidc_issuer)
        if parts.scheme == "http" and not _is_near(parts.hostname):
            yield mistake(
                field["oidc_issuer"], "anybody on the way could say who signs in; it must begin with https://"
            )
        if parts.query or parts.fragment or settings.oidc_issuer.endswith("/.well-known/openid-configuration"):
            yield mistake(field["oidc_issuer"], "it is the issuer itself, without /.well-known, query or #")
    readers: dict[str, Callable[[str], object]] = {"oidc_roles": read_rules, "outbound_allow": read_hosts}
    for name, read in readers.items():
        try:
            read(getattr(settings, name))
        except ValueError as error:
            yield mistake(field[name], str(error))


def _of_ports(settings: Settings) -> Iterator[Finding]:
    """Two that want one port of this machine."""
    taken: dict[int, str] = {}
    for name in ("api_port", "relay_metrics_port", "api_metrics_port", "worker_metrics_port"):
        port = getattr(settings, name)
        if port and port in taken:
            yield mistake(by_name()[name], f"port {port} is taken by {taken[port]}")
        taken.setdefault(port, by_name()[name].variable)


def _doubts(settings: Settings, given: Mapping[str, str]) -> Iterator[Finding]:
    field = by_name()
    public = urlsplit(settings.public_url).hostname
    for name, one in field.items():
        value = getattr(settings, name)
        internal = one.about.url is not None and one.about.url.reach == "internal"
        if internal and value and public not in (None, *LOOPBACK) and urlsplit(value).hostname == public:
            yield doubt(one, f"it takes the public way by {public}; services reach each other by internal names")
    if settings.vector_backend == "pgvector" and settings.qdrant_url:
        yield doubt(field["qdrant_url"], "it is not used, since GROUNDSWELL_VECTOR_BACKEND is pgvector")
    if settings.vector_backend == "memory":
        yield doubt(field["vector_backend"], "vectors are forgotten at each start")
    if 0 < settings.retention_days < settings.hot_days:
        yield doubt(field["hot_days"], "posts are removed (GROUNDSWELL_RETENTION_DAYS) before they are archived")
    if settings.llm_run_budget_usd > settings.llm_budget_usd and "llm_run_budget_usd" in given:
        yield doubt(field["llm_run_budget_usd"], "a run may spend more than the month (GROUNDSWELL_LLM_BUDGET_USD)")
    keys = ("llm_gemini_api_key", "llm_anthropic_api_key", "llm_openai_api_key", "llm_litellm_api_key")
    if settings.llm_budget_usd == 0 and any(getattr(settings, name) for name in keys):
        yield doubt(field["llm_budget_usd"], "there is a key for paid models and no money for them")
    secrets: dict[str, str] = {}
    for name, one in field.items():
        value = getattr(settings, name)
        if one.about.secret and value and not one.about.url:
            if value in secrets:
                yield doubt(one, f"it is the same secret as {secrets[value]}")
            secrets.setdefault(value, one.variable)


def in_container(unit: Unit, settings: Settings) -> Iterator[Finding]:
    """What cannot be meant where each service has a network of its own."""
    field = by_name()
    for name, one in field.items():
        if one.about.url and one.about.url.reach == "internal" and (value := getattr(settings, name)):
            host = urlsplit(value).hostname
            if host in LOOPBACK and "?host=/" not in value:
                yield mistake(one, f"{host} is the container itself; name the service")
    if unit == "api" and settings.api_host in LOOPBACK[:3]:
        yield mistake(field["api_host"], "nobody outside the container reaches it there; use 0.0.0.0")


def _is_placeholder(parts: SplitResult) -> bool:
    """Whether the password is one, and the server is not on this machine, where it may be meant."""
    return not _is_near(parts.hostname) and bool(_PLACEHOLDER.fullmatch(unquote(parts.password or "")))


def _is_near(host: str | None) -> bool:
    return host is None or host in LOOPBACK or "." not in host


def _is_object(text: str) -> bool:
    try:
        return not text or isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, UnicodeError):
        return False
