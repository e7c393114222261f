"""Access tokens, what was done with them, and what waits for a yes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.schemas.base import Schema

#: script: a program of the operator's; agent: a language model decides what is called.
TokenKind = Literal["script", "agent"]
#: What a person may do here; see services/api/auth/roles.py.
Role = Literal["viewer", "operator", "admin"]
ApprovalState = Literal["waiting", "granted", "denied", "used", "expired"]
#: begun: it was tried, and how it ended is not known.
Outcome = Literal["begun", "done", "refused", "failed"]


class AccessToken(Schema, frozen=True, kw_only=True):
    """A token as it may be shown. ``tainted_at``: since when its holder has read what strangers wrote."""

    id: str
    name: str
    kind: TokenKind
    scopes: list[str]
    tainted_at: datetime | None
    tainted_by: str | None
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


class NewAccessToken(Schema, frozen=True, kw_only=True):
    """``secret`` is what to send as ``Authorization: Bearer``; it cannot be read again."""

    token: AccessToken
    secret: str


class AccessTokenList(Schema, frozen=True, kw_only=True):
    """Newest first, those revoked included. ``scopes`` are all there are to give."""

    tokens: list[AccessToken]
    scopes: list[str]


class KnownPerson(Schema, frozen=True, kw_only=True):
    """Somebody who signed in through the identity provider. ``sessions``: browsers that are signed in now."""

    id: str
    name: str
    email: str | None
    role: Role
    created_at: datetime
    signed_in_at: datetime
    sessions: int


class KnownPersonList(Schema, frozen=True, kw_only=True):
    """Last signed in first."""

    people: list[KnownPerson]


class SignInWays(Schema, frozen=True, kw_only=True):
    """How one signs in here. ``provider`` is the identity provider's host, ``away`` why it cannot be used now."""

    token: bool
    provider: str | None = None
    away: str | None = None


class Whoami(Schema, frozen=True, kw_only=True):
    """Who the caller is here, and what may be asked of it."""

    name: str
    kind: Literal["operator", "person", "script", "agent"]
    scopes: list[str]
    tainted: bool
    door: str


class Approval(Schema, frozen=True, kw_only=True):
    """One call that waits for a yes, or waited. ``arguments`` is JSON, with secrets masked; of one too long for a page
    there are its beginning, its length and its SHA-256.
    """

    id: str
    actor: str
    operation: str
    effect: str
    arguments: str
    reason: str
    state: ApprovalState
    created_at: datetime
    decided_at: datetime | None
    expires_at: datetime


class ApprovalList(Schema, frozen=True, kw_only=True):
    """Newest first."""

    approvals: list[Approval]


class AuditEntry(Schema, frozen=True, kw_only=True):
    """One effect: who, what, through which door, how it ended. ``arguments`` is JSON, with secrets masked."""

    id: str
    at: datetime
    actor: str
    kind: str
    tainted: bool
    door: str
    operation: str
    effect: str
    arguments: str
    request: str
    approval: str | None
    outcome: Outcome
    detail: str
    ended_at: datetime | None


class AuditPage(Schema, frozen=True, kw_only=True):
    """Newest first. ``next`` asks for the page after, as ``before``."""

    entries: list[AuditEntry]
    next: str | None = None
