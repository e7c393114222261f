"""Where prices come from: litellm's table, read as a file, and an operator's own on top. Both are data."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from services.worker.llm.pricing import BadPrice, Price, price_of
from shared.errors import ConfigurationError

#: The copy that litellm carries. Reading it takes 50 ms; importing litellm takes seconds and 170 MB.
_FILE = "model_prices_and_context_window_backup.json"


class PriceTable:
    """Entries by model name, in litellm's form."""

    def __init__(self, entries: Mapping[str, Any], *, source: str) -> None:
        self._entries, self.source = entries, source

    def price(self, name: str) -> Price:
        """Raises BadPrice when the model is not there or its price cannot be right."""
        entry = self._entries.get(name)
        if not isinstance(entry, Mapping):
            raise BadPrice(f"{name} is not in {self.source}")
        return price_of(entry)

    def most_output(self, name: str) -> int | None:
        """The most tokens the model writes at once, where the table says so."""
        entry = self._entries.get(name)
        most = entry.get("max_output_tokens") if isinstance(entry, Mapping) else None
        return most if isinstance(most, int) and most > 0 else None


def load_prices(own: str = "") -> PriceTable:
    """litellm's table where it is installed, with the entries of the JSON file ``own`` instead of its own.

    Raises ConfigurationError when ``own`` cannot be read.
    """
    entries: dict[str, Any] = {}
    sources = []
    if packaged := _packaged():
        entries.update(msgspec.json.decode(packaged.read_bytes()))
        sources.append("litellm's price table")
    if own:
        entries.update(_own(own))
        sources.append(own)
    return PriceTable(entries, source=" or ".join(sources) or "any price table (make llm installs one)")


def _packaged() -> Path | None:
    found = importlib.util.find_spec("litellm")
    places = found.submodule_search_locations if found else None
    path = Path(next(iter(places))) / _FILE if places else None
    return path if path and path.exists() else None


def _own(path: str) -> dict[str, Any]:
    try:
        entries = msgspec.json.decode(Path(path).read_bytes(), type=dict[str, dict[str, Any]])
    except (OSError, msgspec.DecodeError, UnicodeError) as error:
        raise ConfigurationError(
            "The file of prices cannot be read.",
            why=f"{path}: {error}",
            do='Make GROUNDSWELL_LLM_PRICES_FILE a JSON object such as {"model": {"input_cost_per_token": 1e-7}}.',
        ) from error
    return entries
