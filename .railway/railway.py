"""The project on Railway, as code: `railway up` reads it (docs/railway.md).

Two environments. "production" has a service for each part; "staging" runs relay, API and worker in one process. The SDK
drops keywords it does not know without a word, so `_service` refuses them, and a test asserts the graph.
"""

from __future__ import annotations

import os
from typing import Any

from railway_sdk import RailwayContext, define_railway, github, image, project, service, volume

#: Where Railway builds from.
REPOSITORY = os.environ.get("GROUNDSWELL_REPOSITORY", "you/groundswell")
#: Versions of what is used as it is; the same as in compose.yaml.
VALKEY, QDRANT = "valkey/valkey:8-trixie", "qdrant/qdrant:v1.16.3-unprivileged"
FEED = "wss://jetstream2.us-east.bsky.network/subscribe"
#: Given by a person, once, as shared variables of the environment: openssl rand -hex 24.
SHARED = ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "QDRANT_API_KEY", "GROUNDSWELL_API_TOKEN")

_KNOWN = {
    "source",
    "build",
    "start",
    "preDeploy",
    "healthcheck",
    "healthcheckTimeout",
    "deploy",
    "env",
    "volumeMounts",
    "networking",
}
#: Seconds that a deploy waits for health, and that a service that is replaced has to end its work.
HEALTH_SECONDS, DRAIN_SECONDS = 300, 30
RESTART = {"restartPolicyType": "ON_FAILURE", "restartPolicyMaxRetries": 10, "drainingSeconds": DRAIN_SECONDS}
#: The most each service may hold, in MiB: as in compose.yaml, from what was measured (docs/cost.md).
MEMORY = {
    "relay": 896,
    "api": 896,
    "worker": 1024,
    "combined": 1536,
    "frontend": 128,
    "postgres": 2048,
    "redis": 256,
    "qdrant": 2048,
}


def shared(name: str) -> str:
    """A shared variable, as Railway writes it within a value."""
    assert name in SHARED  # noqa: S101 - a typing error here, not a state of the world
    return "${{shared." + name + "}}"


def inside(name: str, port: int) -> str:
    """Host and port of a service in the private network. Composed once, here: what Railway gives has no scheme."""
    return f"{name}.railway.internal:{port}"


def _service(name: str, **config: Any) -> Any:
    if unknown := config.keys() - _KNOWN:
        raise ValueError(f"{name}: the SDK would drop {', '.join(sorted(unknown))}")
    limits = {"limitOverride": {"containers": {"memoryBytes": MEMORY[name] << 20}}}
    return service(name, **{**config, "deploy": {**config.get("deploy", {}), **limits}})


def _built(dockerfile: str, *watched: str) -> dict[str, Any]:
    """Source and build of an image of ours; only what concerns it makes it anew."""
    return {
        "source": github(REPOSITORY),
        "build": {
            "builder": "DOCKERFILE",
            "dockerfilePath": f"infra/docker/{dockerfile}",
            "watchPatterns": [f"infra/docker/{dockerfile}", *watched],
        },
    }


CODE = ("shared/**", "services/**", "requirements/**", "pyproject.toml")
COMMAND = "python -m services.cli.main"

ENGINES = {
    "GROUNDSWELL_POSTGRES_URL": (
        f"postgresql://groundswell:{shared('POSTGRES_PASSWORD')}@{inside('postgres', 5432)}/groundswell"
    ),
    "GROUNDSWELL_VALKEY_URL": f"redis://:{shared('REDIS_PASSWORD')}@{inside('redis', 6379)}/0",
    "GROUNDSWELL_VECTOR_BACKEND": "qdrant",
    "GROUNDSWELL_QDRANT_URL": f"http://{inside('qdrant', 6333)}",
    "GROUNDSWELL_QDRANT_API_KEY": shared("QDRANT_API_KEY"),
    "GROUNDSWELL_METRICS_HOST": "0.0.0.0",  # noqa: S104 - within the private network
}
#: Railway asks for health on PORT.
PUBLIC = "https://${{frontend.RAILWAY_PUBLIC_DOMAIN}}"
RELAY = {**ENGINES, "GROUNDSWELL_FEED_URL": FEED, "GROUNDSWELL_RELAY_METRICS_PORT": "9421", "PORT": "9421"}
API = {
    **ENGINES,
    "GROUNDSWELL_API_HOST": "0.0.0.0",  # noqa: S104 - a token is asked for
    "GROUNDSWELL_API_TOKEN": shared("GROUNDSWELL_API_TOKEN"),
    "GROUNDSWELL_PUBLIC_URL": PUBLIC,
    "GROUNDSWELL_API_METRICS_PORT": "9422",
    "PORT": "8420",
}
WORKER = {
    **ENGINES,
    "GROUNDSWELL_AGENTS_API_URL": f"http://{inside('api', 8420)}",
    "GROUNDSWELL_PUBLIC_URL": PUBLIC,
    "GROUNDSWELL_WORKER_METRICS_PORT": "9423",
    "PORT": "9423",
}


def _unit(name: str, env: dict[str, str], **more: Any) -> Any:
    """One of our services: the same image under another command."""
    return _service(
        name,
        **_built("Dockerfile", *CODE),
        start=f"{COMMAND} {name}",
        healthcheck="/health/ready",
        healthcheckTimeout=HEALTH_SECONDS,
        deploy=RESTART,
        env=env,
        **more,
    )


def _stores() -> list[Any]:
    """What keeps data, each with a volume of its own."""
    places = {name: volume(f"{name}-data") for name in ("postgres", "qdrant")}
    return [
        *places.values(),
        _service(
            "postgres",
            **_built("postgres.Dockerfile"),
            # Railway's volumes belong to root and hold lost+found: the data lie in a folder of their own.
            env={
                "POSTGRES_USER": "groundswell",
                "POSTGRES_DB": "groundswell",
                "POSTGRES_PASSWORD": shared("POSTGRES_PASSWORD"),
                "PGDATA": "/var/lib/postgresql/data/groundswell",
            },
            start=(
                "docker-entrypoint.sh postgres"
                " -c max_connections=60 -c shared_buffers=256MB -c max_locks_per_transaction=256"
            ),
            deploy={**RESTART, "drainingSeconds": 60},
            volumeMounts={"/var/lib/postgresql/data": places["postgres"]},
        ),
        _service(
            "redis",
            source=image(VALKEY),
            start='/bin/sh -c \'exec valkey-server --requirepass "$REDIS_PASSWORD" --maxmemory 192mb --save ""\'',
            env={"REDIS_PASSWORD": shared("REDIS_PASSWORD")},
            deploy=RESTART,
        ),
        _service(
            "qdrant",
            source=image(QDRANT),
            env={"QDRANT__SERVICE__API_KEY": shared("QDRANT_API_KEY"), "QDRANT__TELEMETRY_DISABLED": "true"},
            deploy=RESTART,
            volumeMounts={"/qdrant/storage": places["qdrant"]},
        ),
    ]


def _frontend(api: str) -> Any:
    """The one service that the internet reaches."""
    return _service(
        "frontend",
        **_built("frontend.Dockerfile", "services/frontend/**", "infra/docker/Caddyfile"),
        healthcheck="/caddy/health",
        healthcheckTimeout=HEALTH_SECONDS,
        deploy=RESTART,
        env={"API_UPSTREAM": inside(api, 8420), "PORT": "8080"},
        networking={"serviceDomains": {"<hasDomain>": {"port": 8080}}},
    )


@define_railway
def railway(context: RailwayContext) -> Any:
    """The graph of the environment that is asked for."""
    migrate = f"{COMMAND} migrate --wait 300"
    if context.is_environment("staging"):
        combined = {**RELAY, **WORKER, **API, "GROUNDSWELL_AGENTS_API_URL": "http://127.0.0.1:8420"}
        return project(
            "groundswell",
            resources=[*_stores(), _unit("combined", combined, preDeploy=migrate), _frontend("combined")],
        )
    keys = volume("relay-data")
    kept = volume("worker-data")
    return project(
        "groundswell",
        resources=[
            *_stores(),
            keys,
            kept,
            # No order among services: relay and worker wait for the schema by themselves.
            _unit("api", API, preDeploy=migrate),
            # A volume there belongs to root, and only root may write to it.
            _unit("relay", {**RELAY, "RAILWAY_RUN_UID": "0"}, volumeMounts={"/var/lib/groundswell": keys}),
            _unit("worker", {**WORKER, "RAILWAY_RUN_UID": "0"}, volumeMounts={"/var/lib/groundswell": kept}),
            _frontend("api"),
        ],
    )
