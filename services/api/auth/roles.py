"""What people may do: a role is a set of scopes, and the settings say whose role is which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.config.people import Rule
from shared.schemas.access import Role

_READS = frozenset(
    f"{noun}:read"
    for noun in (
        "agents",
        "alerts",
        "analysis",
        "feeds",
        "health",
        "pipelines",
        "platform",
        "posts",
        "reports",
        "runs",
        "spending",
        "topics",
        "watches",
    )
)
_WORKS = frozenset(
    f"{noun}:write" for noun in ("agents", "alerts", "approvals", "feeds", "pipelines", "reports", "runs", "watches")
)

#: ``*`` is every scope there is. A test holds the rest against the registry, so that a new scope gets a place here.
SCOPES: dict[Role, frozenset[str]] = {
    "viewer": _READS,
    "operator": _READS | _WORKS | {"approvals:read", "audit:read", "settings:read"},
    "admin": frozenset({"*"}),
}


def role_of(claims: Mapping[str, Any], rules: tuple[Rule, ...]) -> Role | None:
    """The role that the first fitting rule gives to whom the identity provider says this of; ``None``: stays out."""
    return next((rule.role for rule in rules if _fits(claims, rule)), None)


def email_of(claims: Mapping[str, Any]) -> str | None:
    """The address in lower case, if the provider has made sure that it is theirs."""
    email = claims.get("email")
    return email.lower() if isinstance(email, str) and claims.get("email_verified") in (True, "true") else None


def _fits(claims: Mapping[str, Any], rule: Rule) -> bool:
    if rule.claim == "*":
        return True
    if rule.claim == "email":
        email = email_of(claims)
        if email is None:
            return False
        return email == rule.value or (rule.value.startswith("@") and email.endswith(rule.value))
    held = _claim(claims, rule.claim)
    return rule.value == held or (isinstance(held, list) and rule.value in held)


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """By its name, or along its dots into objects (Keycloak's ``realm_access.roles``)."""
    if name in claims:
        return claims[name]
    held: Any = claims
    for part in name.split("."):
        held = held.get(part) if isinstance(held, Mapping) else None
    return held
