"""Who may do what: scopes, and what an agent may do after it has read strangers' text.

Pure: it decides from the operation and the actor alone. ``invoking.py`` acts on it.
"""

from __future__ import annotations

from typing import Any, Literal

from services.api.operations.context import Actor
from services.api.operations.registry import Operation
from shared.errors import Forbidden

#: Only people, and never a token: whoever could call these could let himself do anything.
PEOPLE_ONLY = frozenset({"access:read", "access:write", "approvals:write", "prompts:write"})
PEOPLE = ("operator", "person")

#: What every caller may know.
ANYONE = "anyone"

Verdict = Literal["allowed", "needs approval"]


def decide(operation: Operation[Any, Any], actor: Actor) -> Verdict:
    """Whether ``actor`` may call ``operation`` at once or needs an approval for the very call.

    An agent needs one for what cannot be taken back or leaves the platform, always; and for every effect once it has
    read what strangers wrote. Raises Forbidden without the scope.
    """
    if not may(actor, operation.scope):
        raise Forbidden("This is not allowed.", why=f"It needs the scope {operation.scope}.")
    if operation.effect == "read" or actor.kind != "agent":
        return "allowed"
    if actor.tainted or operation.effect in ("destroy", "external"):
        return "needs approval"
    return "allowed"


def may(actor: Actor, scope: str) -> bool:
    """Whether ``actor`` holds ``scope``."""
    if scope == ANYONE:
        return True
    if scope in PEOPLE_ONLY and actor.kind not in PEOPLE:
        return False
    return "*" in actor.scopes or scope in actor.scopes


def reason(operation: Operation[Any, Any]) -> str:
    """Why an approval is needed, in a sentence."""
    if operation.effect == "destroy":
        return "It removes something, which only a person may decide."
    if operation.effect == "external":
        return "It reaches beyond this platform, which only a person may decide."
    return "What strangers wrote was read before, and may be what asks for it."
