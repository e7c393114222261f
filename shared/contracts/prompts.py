"""Where the operator's instructions stand in an agent's prompt."""

from __future__ import annotations

#: Stands in the prompt that a worker tells of, where instructions go.
PLACE = "{operator's instructions}"
INSTRUCTIONS_MOST = 2_000


def filled(prompt: str, instructions: str) -> str:
    """``prompt`` with ``instructions`` in their place, or without it."""
    said = f"The operator of this platform wants besides:\n{instructions}\n\n" if instructions else ""
    return prompt.replace(f"{PLACE}\n\n", said, 1)
