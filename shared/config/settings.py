"""Every setting, as data: the one place where a variable is named, typed, defaulted and explained.

A field ``x`` is read from ``GROUNDSWELL_X``. ``Annotated`` metadata carries the sentence for the
documentation, an example, which units need it, and whether it is a secret.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Unit = Literal["solo", "relay", "api", "worker", "render-node"]


class Url(msgspec.Struct, frozen=True):
    """What an address must be. ``reach``: "internal" is asked by our services alone, "public" opened by people,
    "outside" belongs to others. ``port`` is the usual one; ``path``: whether it may have one.
    """

    schemes: tuple[str, ...]
    reach: Literal["internal", "public", "outside"]
    port: int | None = None
    path: bool = False


class About(msgspec.Struct, frozen=True):
    """What people need to know about one setting. ``least``/``most`` bound numbers, inclusive."""

    doc: str
    units: tuple[Unit, ...]
    example: str = ""
    secret: bool = False
    least: float | None = None
    most: float | None = None
    url: Url | None = None


_HTTP = ("http", "https")
_POSTGRES = Url(("postgresql", "postgres"), "internal", 5432, path=True)
_PROVIDER = Url(_HTTP, "outside", path=True)

_ALL: tuple[Unit, ...] = ("solo", "relay", "api", "worker", "render-node")
_SERVICES: tuple[Unit, ...] = ("relay", "api", "worker")


#: In the order in which they are tried unless the settings say otherwise.
EMBEDDING_RUNTIMES = ("cuda", "openvino", "onnxruntime", "fastembed")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, decoded and checked. Made by ``shared.config.load``."""

    # --- engines -----------------------------------------------------------------------------
    postgres_url: Annotated[
        str,
        About(
            "PostgreSQL that holds the record. Solo starts its own and sets this itself.",
            _SERVICES,
            "postgresql://groundswell:secret@postgres:5432/groundswell",
            secret=True,
            url=_POSTGRES,
        ),
    ] = ""
    valkey_url: Annotated[
        str,
        About(
            "Valkey or Redis for queues and the live channel. Solo starts its own and sets this itself.",
            _SERVICES,
            "redis://:secret@valkey:6379/0",
            secret=True,
            url=Url(("redis", "rediss", "unix"), "internal", 6379, path=True),
        ),
    ] = ""
    vector_backend: Annotated[
        Literal["pgvector", "qdrant", "memory"],
        About('Where vectors live. "memory" is for tests: it forgets on restart.', _SERVICES, "pgvector"),
    ] = "pgvector"
    qdrant_url: Annotated[
        str,
        About(
            "Qdrant's address; needed when the vector backend is qdrant.",
            _SERVICES,
            "http://qdrant:6333",
            url=Url(_HTTP, "internal", 6333),
        ),
    ] = ""
    qdrant_api_key: Annotated[str, About("Qdrant's API key, if it asks for one.", _SERVICES, "k3y", secret=True)] = ""
    qdrant_storage: Annotated[
        Literal["memory", "compact"],
        About(
            'How Qdrant keeps vectors: "memory" holds them whole in memory, about 1.1 GB a million; "compact" puts'
            " them on disk with a byte a number in memory, about 0.6 GB a million. Choose it where memory is short.",
            ("relay", "api"),
            "memory",
        ),
    ] = "memory"
    relay_pool_size: Annotated[
        int, About("PostgreSQL connections the relay may hold.", ("relay",), "4", least=2, most=50)
    ] = 4
    api_pool_size: Annotated[
        int, About("PostgreSQL connections the API may hold.", ("api",), "8", least=2, most=50)
    ] = 8
    worker_pool_size: Annotated[
        int, About("PostgreSQL connections a worker may hold.", ("worker",), "4", least=2, most=50)
    ] = 4
    statement_timeout_seconds: Annotated[
        int, About("PostgreSQL ends a statement that runs longer.", _SERVICES, "30", least=1, most=3600)
    ] = 30
    lock_timeout_seconds: Annotated[
        int,
        About("PostgreSQL ends a statement that waits longer for a lock.", _SERVICES, "5", least=1, most=600),
    ] = 5
    idle_in_transaction_timeout_seconds: Annotated[
        int,
        About(
            "PostgreSQL ends a session that sits idle in a transaction longer.",
            _SERVICES,
            "15",
            least=1,
            most=600,
        ),
    ] = 15

    # --- the feed that exists from the start ----------------------------------------------------
    feed_kind: Annotated[
        Literal["jetstream", "nostr", "sealed"], About("Protocol of the first feed.", ("relay",), "jetstream")
    ] = "jetstream"
    feed_name: Annotated[
        str, About("Name of the first feed, as shown; empty takes its kind.", ("relay",), "bluesky")
    ] = ""
    feed_url: Annotated[
        str,
        About(
            "WebSocket address of the first feed, or several hosts of it with commas between; empty means none.",
            ("relay",),
            "wss://jetstream2.us-east.bsky.network/subscribe",
            url=Url(("ws", "wss"), "outside", path=True),
        ),
    ] = ""
    feed_options: Annotated[
        str,
        About(
            "What the kind of the first feed takes beside its address, as a JSON object; see docs/sealed-feeds.md.",
            ("relay",),
            '{"cipher":"aes-256-gcm"}',
        ),
    ] = ""
    feed_key: Annotated[
        str,
        About(
            "Private key of the first feed (Nostr, wallet): 32 bytes as hex or base64. A file is safer.",
            ("relay",),
            "hex or base64",
            secret=True,
        ),
    ] = ""
    feed_key_file: Annotated[
        str,
        About("File with the first feed's private key, of mode 600.", ("relay",), "/run/secrets/feed-key"),
    ] = ""
    secrets_dir: Annotated[
        str,
        About(
            "Folder with the key files that feeds name in their options; empty takes secrets in the data folder.",
            ("relay",),
            "/run/secrets",
        ),
    ] = ""
    feed_zstd_dictionary: Annotated[
        str,
        About(
            "zstd dictionary for Jetstream feeds: a file, https://... (with #sha256=HEX to hold it to), or "
            '"server" for the feed\'s own host (second version only). Empty reads uncompressed.',
            ("relay",),
            "server",
        ),
    ] = ""
    feed_backfill_minutes: Annotated[
        int,
        About(
            "How far back a new feed begins reading, if its server keeps that much.",
            ("relay",),
            "60",
            least=0,
            most=1440,
        ),
    ] = 60
    relay_max_feeds: Annotated[
        int,
        About(
            "Feeds that may be on at the same time; each has threads and a queue of its own.",
            ("relay", "api"),
            "8",
            least=1,
            most=64,
        ),
    ] = 8
    relay_shard: Annotated[
        int,
        About(
            "Which of several relays this one is, from 0: it keeps only the authors of its part; see docs/scaling.md.",
            ("relay",),
            "0",
            least=0,
            most=255,
        ),
    ] = 0
    relay_shards: Annotated[
        int,
        About("How many relays share the work; all are told the same number.", ("relay",), "4", least=1, most=256),
    ] = 1
    relay_queue_events: Annotated[
        int,
        About(
            "Frames of one feed that may wait between socket and store; full means the relay stops reading.",
            ("relay",),
            "20000",
            least=100,
            most=1_000_000,
        ),
    ] = 20_000
    relay_queue_bytes: Annotated[
        int,
        About(
            "Bytes of frames that may wait between one feed's socket and the store.",
            ("relay",),
            "67108864",
            least=1_048_576,
            most=1_073_741_824,
        ),
    ] = 67_108_864
    relay_batch_events: Annotated[
        int,
        About("Largest number of events stored in one transaction.", ("relay",), "5000", least=1, most=50_000),
    ] = 5_000
    relay_batch_milliseconds: Annotated[
        int,
        About("Longest time an event waits for its batch to fill.", ("relay",), "100", least=5, most=10_000),
    ] = 100
    relay_max_frame_bytes: Annotated[
        int,
        About("A larger frame is quarantined unread.", ("relay",), "1048576", least=1024, most=67_108_864),
    ] = 1_048_576
    relay_stall_seconds: Annotated[
        int,
        About("A feed that sends nothing for so long is reconnected.", ("relay",), "45", least=2, most=3600),
    ] = 45

    # --- meaning -----------------------------------------------------------------------------------
    embedding_model: Annotated[
        Literal["auto", "multilingual", "english", "none"],
        About(
            'Embedding model: "auto" is the multilingual one; "english" is faster and needs `make english`; "none" '
            "turns meaning off. A change embeds what is stored anew in the background; see docs/embedding.md.",
            _SERVICES,
            "auto",
        ),
    ] = "auto"
    embedding_runtimes: Annotated[
        str,
        About(
            "What may run the model, the first that works: "
            + ", ".join(EMBEDDING_RUNTIMES)
            + ". Leave some out to force others.",
            _SERVICES,
            ",".join(EMBEDDING_RUNTIMES),
        ),
    ] = ",".join(EMBEDDING_RUNTIMES)
    embedding_threads: Annotated[
        int, About("CPU threads the embedding model may use.", _SERVICES, "1", least=1, most=64)
    ] = 1
    embedding_batch_posts: Annotated[
        int,
        About(
            "Posts embedded at once at least, newest first; more of a backlog where the model is fast. What waits is "
            "listed in the store.",
            ("relay",),
            "32",
            least=1,
            most=1_024,
        ),
    ] = 32

    # --- momentum ------------------------------------------------------------------------------------
    momentum_warmup_minutes: Annotated[
        int,
        About(
            "Age of the baseline below which topics are marked provisional.",
            ("api",),
            "1440",
            least=0,
            most=20_160,
        ),
    ] = 1_440
    momentum_lateness_seconds: Annotated[
        int,
        About("How long a minute stays open for late events, in event time.", ("api",), "20", least=0, most=600),
    ] = 20

    # --- renders: what the worker asks a render node, and how a node is run (docs/render-node.md) -----------
    render_node_url: Annotated[
        str,
        About(
            "Render node that is tried before the built-in renderer; empty means there is none.",
            ("worker",),
            "http://studio-mac.local:8430",
            url=Url(_HTTP, "internal", 8430),
        ),
    ] = ""
    render_node_secret: Annotated[
        str,
        About(
            "Secret that worker and render node share, 32 characters or more. A file is safer.",
            ("worker", "render-node"),
            "a long random text",
            secret=True,
        ),
    ] = ""
    render_node_secret_file: Annotated[
        str,
        About(
            "File with the secret that worker and render node share, of mode 600.",
            ("worker", "render-node"),
            "/run/secrets/render-node",
        ),
    ] = ""
    render_node_seconds: Annotated[
        int,
        About(
            "Longest that a report waits for the render node, its second try included; then the built-in renderer.",
            ("worker",),
            "120",
            least=2,
            most=180,
        ),
    ] = 120
    render_node_rest_seconds: Annotated[
        int,
        About(
            "A render node that failed is left alone for so long, twice as long each time, up to eight times.",
            ("worker",),
            "300",
            least=1,
            most=86_400,
        ),
    ] = 300
    render_node_host: Annotated[str, About("Address the render node listens on.", ("render-node",), "192.168.1.20")] = (
        "127.0.0.1"
    )
    render_node_port: Annotated[
        int, About("Port of the render node; 0 takes a free one.", ("render-node",), "8430", least=0, most=65_535)
    ] = 8_430
    render_node_command: Annotated[
        str,
        About(
            "What makes a PDF, as a JSON array, run without a shell. {job} is the job's folder, {report} and {output} "
            "are files in it.",
            ("render-node",),
            '["typst","compile","--root","{job}","/opt/report.typ","{output}"]',
        ),
    ] = ""
    render_node_job_seconds: Annotated[
        int, About("A render that takes longer is ended.", ("render-node",), "90", least=1, most=3600)
    ] = 90
    render_node_memory_megabytes: Annotated[
        int,
        About(
            "A render is ended, and the publishing program started anew, when together they hold more memory.",
            ("render-node",),
            "4096",
            least=16,
            most=1_048_576,
        ),
    ] = 4_096
    render_node_queue_jobs: Annotated[
        int, About("Jobs that may wait on the render node; more are refused.", ("render-node",), "8", least=1, most=100)
    ] = 8
    render_node_dir: Annotated[
        str,
        About(
            "Folder of the render node's jobs; empty takes render-node in the data folder. What is in it is removed.",
            ("render-node",),
            "/var/lib/groundswell-render",
        ),
    ] = ""
    render_node_locks: Annotated[
        str,
        About(
            "Lock files that a crash of the publishing program leaves behind, as a JSON array of absolute patterns.",
            ("render-node",),
            '["/Users/studio/Documents/templates/*.idlk"]',
        ),
    ] = ""
    render_node_program_name: Annotated[
        str,
        About(
            "Exact process name of a publishing program that stays open between jobs; empty means there is none.",
            ("render-node",),
            "Adobe InDesign 2025",
        ),
    ] = ""
    render_node_program_start: Annotated[
        str,
        About(
            "What starts that program and then ends, as a JSON array.",
            ("render-node",),
            '["open","-gja","Adobe InDesign 2025"]',
        ),
    ] = ""
    render_node_program_stop: Annotated[
        str,
        About(
            "What asks that program to quit, as a JSON array; if it does not, it is killed.",
            ("render-node",),
            '["osascript","-e","tell application \\"Adobe InDesign 2025\\" to quit saving no"]',
        ),
    ] = ""
    render_node_restart_at: Annotated[
        str,
        About(
            "Time of day, by the node's own clock, at which that program is started anew; empty never does.",
            ("render-node",),
            "03:30",
        ),
    ] = ""

    # --- language models ---------------------------------------------------------------------------------
    llm_budget_usd: Annotated[
        float,
        About(
            "Most that paid language models may cost in a calendar month (UTC), in dollars; never passed. 0 allows "
            "free models alone; see docs/llm.md.",
            ("worker",),
            "100",
            least=0,
            most=1_000_000,
        ),
    ] = 100.0
    llm_run_budget_usd: Annotated[
        float,
        About("Most that one run may spend on language models.", ("worker",), "1", least=0, most=1_000_000),
    ] = 1.0
    llm_agent_budget_usd: Annotated[
        float,
        About("Most that one agent may spend in a calendar month.", ("worker",), "25", least=0, most=1_000_000),
    ] = 25.0
    llm_ollama_url: Annotated[
        str,
        About(
            "Ollama, for models that cost nothing; empty uses none.",
            ("worker",),
            "http://127.0.0.1:11434",
            url=Url(_HTTP, "internal", 11434),
        ),
    ] = ""
    llm_local_hosts: Annotated[
        str,
        About(
            "Hosts, with commas between, whose models cost nothing. A model elsewhere needs a price.",
            ("worker",),
            "127.0.0.1,::1,localhost,ollama",
        ),
    ] = "127.0.0.1,::1,localhost,ollama"
    llm_gemini_api_key: Annotated[
        str, About("Key for Gemini; empty uses none of its models.", ("worker",), "AIza...", secret=True)
    ] = ""
    llm_gemini_url: Annotated[
        str, About("Where Gemini is asked.", ("worker",), "https://generativelanguage.googleapis.com", url=_PROVIDER)
    ] = "https://generativelanguage.googleapis.com"
    llm_anthropic_api_key: Annotated[
        str,
        About(
            "Key for Claude; empty uses none of its models. Needs `make llm`.", ("worker",), "sk-ant-...", secret=True
        ),
    ] = ""
    llm_anthropic_url: Annotated[
        str, About("Where Claude is asked.", ("worker",), "https://api.anthropic.com", url=_PROVIDER)
    ] = "https://api.anthropic.com"
    llm_openai_api_key: Annotated[
        str,
        About("Key for OpenAI, or for a server that speaks its API; empty uses none.", ("worker",), "sk-", secret=True),
    ] = ""
    llm_openai_url: Annotated[
        str,
        About(
            "Where OpenAI, or a server that speaks its API, is asked.",
            ("worker",),
            "https://api.openai.com/v1",
            url=_PROVIDER,
        ),
    ] = "https://api.openai.com/v1"
    llm_litellm_api_key: Annotated[
        str,
        About("Key for a provider that is asked through litellm. Needs `make llm`.", ("worker",), "key", secret=True),
    ] = ""
    llm_litellm_url: Annotated[
        str,
        About(
            "Where litellm asks; empty takes the provider's own address.",
            ("worker",),
            "http://proxy:4000",
            url=_PROVIDER,
        ),
    ] = ""
    llm_tiers_file: Annotated[
        str,
        About(
            "File with the models and what each can do, instead of services/worker/llm/tiers.toml.",
            ("worker",),
            "/etc/groundswell/tiers.toml",
        ),
    ] = ""
    llm_prices_file: Annotated[
        str,
        About(
            "JSON file of prices in litellm's form, which win over litellm's.",
            ("worker",),
            "/etc/groundswell/prices.json",
        ),
    ] = ""
    llm_cache_hours: Annotated[
        float,
        About(
            "How long an answer of a language model is given again to the same request. 0 asks anew each time.",
            ("worker",),
            "24",
            least=0,
            most=8_760,
        ),
    ] = 24.0
    llm_pool_size: Annotated[
        int,
        About("PostgreSQL connections a worker may hold for the budget's ledger.", ("worker",), "4", least=1, most=50),
    ] = 4
    llm_call_seconds: Annotated[
        int, About("Longest that one call to a language model may take.", ("worker",), "120", least=1, most=900)
    ] = 120

    # --- interfaces -------------------------------------------------------------------------------------
    api_host: Annotated[
        str,
        About(
            "Address the API listens on. Anything but loopback needs an API token.",
            ("solo", "api"),
            "127.0.0.1",
        ),
    ] = "127.0.0.1"
    api_port: Annotated[
        int, About("Port of the API and the dashboard.", ("solo", "api", "worker"), "8420", least=0, most=65_535)
    ] = 8_420
    agents_api_url: Annotated[
        str,
        About(
            "Where agents in a worker reach the API; empty means this machine, at the API's port.",
            ("worker",),
            "http://api:8420",
            url=Url(_HTTP, "internal", 8420),
        ),
    ] = ""
    agents_folder: Annotated[
        str,
        About(
            "Folder with agents of your own, beside those that come with it.", ("worker",), "/etc/groundswell/agents"
        ),
    ] = ""
    analysis_postgres_url: Annotated[
        str,
        About(
            "PostgreSQL for queries, as a role that reads the schema analysis and nothing else. Empty makes the role "
            "groundswell_reader, which the platform's own role must be allowed to; see docs/analysis.md.",
            ("api",),
            "postgresql://groundswell_reader:secret@postgres:5432/groundswell",
            secret=True,
            url=_POSTGRES,
        ),
    ] = ""
    analysis_connections: Annotated[
        int,
        About(
            "Queries that run at the same time, each on a connection of its own; 0 turns queries off.",
            ("api",),
            "2",
            least=0,
            most=10,
        ),
    ] = 2
    analysis_timeout_seconds: Annotated[
        int, About("PostgreSQL ends a query that runs longer.", ("api",), "10", least=1, most=120)
    ] = 10
    pipelines_folder: Annotated[
        str,
        About(
            "Folder with pipelines of your own, beside those that come with it.",
            ("worker",),
            "/etc/groundswell/pipelines",
        ),
    ] = ""
    api_token: Annotated[
        str,
        About(
            "The owner's token, which opens everything. Empty is allowed on loopback only; solo makes one at its first "
            "start, in the file owner-token of the data folder.",
            ("solo", "api"),
            "a long random text",
            secret=True,
        ),
    ] = ""
    oidc_issuer: Annotated[
        str,
        About(
            "Identity provider that people sign in with (OpenID Connect), exactly as its discovery document names "
            "itself; empty means the API token alone. See docs/security.md.",
            ("api",),
            "https://example.eu.auth0.com",
            url=Url(_HTTP, "outside", path=True),
        ),
    ] = ""
    oidc_client_id: Annotated[
        str, About("What the identity provider knows this installation by.", ("api",), "groundswell-web")
    ] = ""
    oidc_client_secret: Annotated[
        str,
        About("Secret of that client; empty for a public client (PKCE alone).", ("api",), "k3y", secret=True),
    ] = ""
    oidc_roles: Annotated[
        str,
        About(
            "Who may do what, as WHO=ROLE with commas between; the first that fits counts, and who fits none stays "
            "out. WHO is an e-mail address, @ and a domain, CLAIM:VALUE, or *; ROLE is viewer, operator or admin.",
            ("api",),
            "ann@example.org=admin, groups:newsroom=operator, @example.org=viewer",
        ),
    ] = ""
    outbound_allow: Annotated[
        str,
        About(
            "Hosts and networks on private addresses that what people enter may lead to (webhooks), with commas "
            "between; all other private addresses are refused. See docs/security.md.",
            ("api", "worker"),
            "ntfy.lan, 10.1.0.0/16",
        ),
    ] = ""
    api_requests_per_minute: Annotated[
        int,
        About(
            "Requests that one caller may make in a minute, less of those that change something or are heavy; 0 sets "
            "no bound. See docs/security.md.",
            ("api",),
            "3000",
            least=0,
            most=1_000_000,
        ),
    ] = 3_000
    loopback: Annotated[
        Literal["auto", "open", "closed"],
        About(
            'Whether who is on this machine needs no token: "open" or "closed"; "auto" is open unless a token or an '
            "identity provider is set. See docs/security.md.",
            ("solo", "api"),
            "closed",
        ),
    ] = "auto"
    public_url: Annotated[
        str,
        About(
            "Address under which people open the dashboard; used in reports and alerts.",
            ("api", "worker"),
            "https://groundswell.example",
            url=Url(_HTTP, "public"),
        ),
    ] = ""
    frontend_dir: Annotated[
        str,
        About(
            "Folder with the built dashboard; empty means the API serves none.",
            ("api",),
            "services/frontend/dist",
        ),
    ] = ""

    # --- operations ---------------------------------------------------------------------------------------
    data_dir: Annotated[
        str,
        About(
            "Folder for everything solo keeps: engines, caches, logs.",
            _ALL,
            "data",
        ),
    ] = "data"
    hot_days: Annotated[
        int,
        About(
            "Posts older than this leave the vector index for the archive: found by words, no longer by meaning. "
            "0 archives nothing.",
            ("worker",),
            "3",
            least=0,
            most=3650,
        ),
    ] = 3
    backup_hours: Annotated[
        float,
        About(
            "Hours between backups that a worker takes by itself; 0 takes none. See docs/backup.md.",
            ("worker",),
            "6",
            least=0,
            most=720,
        ),
    ] = 6.0
    backup_dir: Annotated[
        str,
        About("Folder of the backups; empty takes backups in the data folder.", ("worker",), "/srv/backups"),
    ] = ""
    backup_keep: Annotated[
        int, About("Backups that are kept; older ones are removed.", ("worker",), "28", least=1, most=10_000)
    ] = 28
    backup_key_file: Annotated[
        str,
        About(
            "File with the age identity that backups are encrypted with, of mode 600; empty makes one in the data "
            "folder. Keep a copy elsewhere: without it no backup can be read.",
            ("worker",),
            "/run/secrets/backup.key",
        ),
    ] = ""
    backup_remote: Annotated[
        str,
        About("Where rclone copies backups to, as remote:path; empty copies none.", ("worker",), "dropbox:groundswell"),
    ] = ""
    retention_days: Annotated[
        int,
        About(
            "Posts, reactions, gaps, alerts, deliveries and the audit log older than this are removed; 0 keeps all.",
            ("worker",),
            "30",
            least=0,
            most=3650,
        ),
    ] = 30
    metrics_host: Annotated[
        str,
        About("Address of the internal ports. Keep it internal.", (*_SERVICES, "render-node"), "127.0.0.1"),
    ] = "127.0.0.1"
    relay_metrics_port: Annotated[
        int,
        About("Internal port of the relay for metrics and health; 0 is off.", ("relay",), "9421", least=0, most=65_535),
    ] = 0
    api_metrics_port: Annotated[
        int, About("Internal port of the API for metrics and health; 0 is off.", ("api",), "9422", least=0, most=65_535)
    ] = 0
    worker_metrics_port: Annotated[
        int,
        About(
            "Internal port of the worker for metrics and health; 0 is off.", ("worker",), "9423", least=0, most=65_535
        ),
    ] = 0
    render_node_metrics_port: Annotated[
        int,
        About(
            "Internal port of the render node for metrics and health; 0 is off.",
            ("render-node",),
            "9424",
            least=0,
            most=65_535,
        ),
    ] = 0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], About("Least severe log line written.", _ALL, "info")
    ] = "info"
    log_format: Annotated[Literal["json", "text"], About("JSON for machines, text for a terminal.", _ALL, "json")] = (
        "json"
    )
