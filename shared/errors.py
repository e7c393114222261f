"""Every error Groundswell raises on purpose, in one tree.

    GroundswellError
    |-- ConfigurationError      the operator must change a setting (exit code 78)
    |-- InputError              the caller sent something we cannot accept (HTTP 400)
    |   |-- MalformedFrame      a feed sent bytes that are not what its protocol says
    |   `-- NotFound            the thing named does not exist (HTTP 404)
    |-- AccessError             the caller may not do this
    |   |-- Unauthorised        no valid token or session (HTTP 401)
    |   `-- Forbidden           known, but without the scope, or from a foreign site (HTTP 403)
    |       `-- ApprovalNeeded      a person has to say yes to this very call first
    |-- ConflictError           the request is valid but not now (HTTP 409)
    |   `-- OutcomeUnknown      nobody knows whether an earlier try of this call has happened
    |-- TooMany                 as many as there may be at once are there already (HTTP 429)
    |   `-- TooFast             as many as there may be in a while were there already
    |-- DependencyError         something we rely on did not answer (HTTP 503)
    |   |-- StoreUnavailable    PostgreSQL
    |   |-- BrokerUnavailable   Valkey or Redis
    |   |-- IndexUnavailable    the vector index
    |   |-- EmbedderUnavailable the embedding model
    |   |   |-- EmbedderAbsent      what it needs is not installed, or not in this machine
    |   |   |-- EmbedderOutOfMemory a batch did not fit into memory
    |   |   `-- TextsRefused        the model works, and some texts get no usable vector
    |   |-- FeedUnavailable     a feed's server
    |   |-- ModelUnavailable    no language model may or can answer
    |   |   `-- ProviderFailed      one attempt failed (services/worker/llm/providers/base.py)
    |   `-- RenderFailed        the PDF renderer
    |-- StoreRejected           PostgreSQL understood a statement and refused it: our mistake
    |-- SchemaNotReady          the database is not at our revision (HTTP 503)
    `-- FencedError             another worker owns this run now; stop without writing

Vendor exceptions are translated into these where the vendor is called and nowhere else.
"""

from __future__ import annotations


class GroundswellError(Exception):
    """Base of all. ``what`` happened, ``why``, and what to ``do`` about it, each one sentence."""

    status = 500
    exit_code = 1

    def __init__(self, what: str, *, why: str = "", do: str = "") -> None:
        super().__init__(" ".join(part for part in (what, why, do) if part))
        self.what, self.why, self.do = what, why, do


class ConfigurationError(GroundswellError):
    """The operator must change a setting."""

    exit_code = 78


class InputError(GroundswellError):
    """The caller sent something we cannot accept."""

    status = 400
    exit_code = 2


class MalformedFrame(InputError):
    """A feed's frame is not what its protocol says. ``reason`` is a metric label: few, fixed values."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"Malformed frame: {reason}.", why=detail)
        self.reason = reason


class NotFound(InputError):
    """The thing named does not exist, or no longer."""

    status = 404


class AccessError(GroundswellError):
    """The caller may not do this."""

    status = 403


class Unauthorised(AccessError):
    """No valid token or session."""

    status = 401


class Forbidden(AccessError):
    """The caller lacks the scope, or the request came from a foreign site."""


class ApprovalNeeded(Forbidden):
    """A person has to say yes to this very call first; the question waits as the approval of that id."""

    def __init__(self, what: str, *, why: str = "", do: str = "", approval: str = "") -> None:
        super().__init__(what, why=why, do=do)
        self.approval = approval


class ConflictError(GroundswellError):
    """The request is valid but cannot be carried out in the present state."""

    status = 409


class OutcomeUnknown(ConflictError):
    """An earlier try of this call may have happened, and it must not happen twice."""


class TooMany(GroundswellError):
    """As many as there may be at once are there already."""

    status = 429


class TooFast(TooMany):
    """As many calls as there may be in a while were there already; worth another try after ``after_seconds``."""

    def __init__(self, what: str, *, why: str = "", do: str = "", after_seconds: int = 1) -> None:
        super().__init__(what, why=why, do=do)
        self.after_seconds = after_seconds


class DependencyError(GroundswellError):
    """Something we rely on did not answer. Worth a retry later."""

    status = 503
    exit_code = 69


class StoreUnavailable(DependencyError):
    """PostgreSQL did not answer, or ended the connection."""


class StoreRejected(GroundswellError):
    """PostgreSQL understood a statement and refused it: our mistake, never worth a retry."""


class BrokerUnavailable(DependencyError):
    """Valkey or Redis did not answer."""


class IndexUnavailable(DependencyError):
    """The vector index did not answer."""


class EmbedderUnavailable(DependencyError):
    """No embedding model could be loaded, or it gave unusable vectors."""


class EmbedderAbsent(EmbedderUnavailable):
    """What a runtime of the model needs is not installed, or not in this machine: no fault, only another step."""


class EmbedderOutOfMemory(EmbedderUnavailable):
    """A batch did not fit into memory. A smaller one may."""


class TextsRefused(EmbedderUnavailable):
    """The model works, and gives no usable vector for the texts at ``places``; each of them alone."""

    def __init__(self, places: list[int], why: str) -> None:
        super().__init__("The model gives some texts no usable vector.", why=why)
        self.places = places


class FeedUnavailable(DependencyError):
    """A feed's server could not be reached or ended the stream."""


class ModelUnavailable(DependencyError):
    """No language model may or can answer now: none is set up, the budget is spent, or all of them failed."""


class RenderFailed(DependencyError):
    """The PDF renderer failed; the plain document is still there."""


class SchemaNotReady(GroundswellError):
    """The database is not at the revision this code needs (migrations have not run yet)."""

    status = 503
    exit_code = 69


class FencedError(GroundswellError):
    """Another worker has taken this run over: stop at once and write nothing."""
