"""The rule of two: of strangers' text, the operator's own data and effects, an agent may have two without asking.

Whoever holds all three can be talked, by what it reads, into carrying private things out or into doing harm. Such an
agent is refused when the worker starts, unless every effect of it waits for a person.
(Meta, "Agents Rule of Two", 2025.)
"""

from __future__ import annotations

from collections.abc import Iterable

from services.worker.agents.operations import Known


def too_powerful(operations: Iterable[Known], approval: str, given: str = "") -> str | None:
    """Why these operations may not be held together, or ``None``. ``approval`` is "always" or "tainted".

    ``given`` says what else of strangers comes to them, if anything does.
    """
    operations = list(operations)
    strangers = [*([given] if given else []), *(one.name for one in operations if one.taints)]
    private = [one.name for one in operations if one.private]
    effects = [one.name for one in operations if one.effect != "read"]
    if not (strangers and private and effects) or approval == "always":
        return None
    return (
        f"rule of two: it reads strangers' text ({strangers[0]}), the operator's own data ({private[0]}), and changes "
        f'things ({effects[0]}); leave one of them out, or let every effect wait for a person: approval = "always"'
    )
