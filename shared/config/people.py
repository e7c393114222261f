"""Who has which role, as the setting says it: WHO=ROLE with commas between."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Role = Literal["viewer", "operator", "admin"]


class Rule(msgspec.Struct, frozen=True):
    """``claim`` holds ``value`` (``email``: the address, or the domain behind ``@``; ``*``: anybody)."""

    claim: str
    value: str
    role: Role


def read_rules(text: str) -> tuple[Rule, ...]:
    """The rules in their order. ValueError says which part cannot be read."""
    rules = []
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        who, _, name = (piece.strip() for piece in part.rpartition("="))
        role: Role | None = next((known for known in get_args(Role) if known == name), None)
        if role is None:
            raise ValueError(f"{part!r} does not end in =viewer, =operator or =admin")
        claim, _, value = who.rpartition(":")
        if who == "*":
            rules.append(Rule("*", "", role))
        elif claim and value:
            rules.append(Rule(claim, value, role))
        elif who.partition("@")[2] and " " not in who:
            rules.append(Rule("email", who.lower(), role))
        else:
            raise ValueError(f"{who!r} is no e-mail address, @domain, CLAIM:VALUE or *")
    return tuple(rules)
