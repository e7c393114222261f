"""The models that may be asked: data from a file, prices from a table, addresses and keys from the settings."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from services.worker.llm.price_table import PriceTable
from services.worker.llm.pricing import FREE, BadPrice, Price, Rate
from services.worker.llm.request import Kind
from shared.config.settings import Settings
from shared.errors import ConfigurationError
from shared.schemas.base import Schema

#: Ollama passes these on to machines that are not the operator's.
_REMOTE_MARK = "cloud"


class Entry(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model as the file says it; see ``tiers.toml``."""

    name: str
    tier: str
    can: tuple[Kind, ...]
    quality: int
    context: int
    output: int
    at_a_pinch: tuple[Kind, ...] = ()
    price: str = ""
    free: bool = False
    modifier: float = 1.0
    temperature: bool = True


class _File(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: tuple[Entry, ...]


class Model(Schema, frozen=True, kw_only=True):
    """A model that can be asked, with the price that bounds its calls."""

    name: str
    provider: str
    model: str
    tier: str
    can: tuple[Kind, ...]
    at_a_pinch: tuple[Kind, ...]
    quality: int
    context: int
    output: int
    price: Price
    temperature: bool = True

    @property
    def free(self) -> bool:
        """Whether it costs nothing."""
        return self.price == FREE


class Tiers(Schema, frozen=True, kw_only=True):
    """Models by price, the cheapest first; and why each of the others may not be asked."""

    models: tuple[Model, ...]
    left_out: dict[str, str]


def load_tiers(settings: Settings, prices: PriceTable) -> Tiers:
    """Raises ConfigurationError when the file cannot be used."""
    models, left_out = [], {}
    for entry in _entries(settings.llm_tiers_file):
        provider, _, model = entry.name.partition("/")
        if why := _not_set_up(provider, settings):
            left_out[entry.name] = why
            continue
        try:
            price = _price(entry, provider, model, settings, prices)
        except BadPrice as error:
            left_out[entry.name] = f"Its price is not known: {error}."
            continue
        models.append(
            Model(
                name=entry.name,
                provider=provider,
                model=model,
                tier=entry.tier,
                can=entry.can,
                at_a_pinch=entry.at_a_pinch,
                quality=entry.quality,
                context=entry.context,
                output=min(entry.output, prices.most_output(_price_name(entry, provider, model)) or entry.output),
                price=price,
                temperature=entry.temperature,
            )
        )
    models.sort(key=lambda model: (model.price.typical, -model.quality, model.name))
    return Tiers(models=tuple(models), left_out=left_out)


def _entries(own: str) -> tuple[Entry, ...]:
    try:
        text = (Path(own) if own else resources.files("services.worker.llm") / "tiers.toml").read_text("utf-8")
        entries = msgspec.convert(tomllib.loads(text), _File).model
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeError) as error:
        raise ConfigurationError(
            "The file of language models cannot be used.",
            why=f"{own}: {error}",
            do="Compare it with services/worker/llm/tiers.toml, and set GROUNDSWELL_LLM_TIERS_FILE.",
        ) from error
    names = [entry.name for entry in entries]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ConfigurationError("The file of language models names one twice.", why=", ".join(sorted(doubled)))
    return entries


def _not_set_up(provider: str, settings: Settings) -> str:
    match provider:
        case "ollama":
            return "" if settings.llm_ollama_url else "GROUNDSWELL_LLM_OLLAMA_URL is not set."
        case "openai":
            set_up = settings.llm_openai_api_key or is_local(settings.llm_openai_url, settings)
            return "" if set_up else "GROUNDSWELL_LLM_OPENAI_API_KEY is not set."
        case "gemini" | "anthropic" | "litellm":
            name = f"llm_{provider}_api_key"
            return "" if getattr(settings, name) else f"GROUNDSWELL_{name.upper()} is not set."
    return f"There is no provider {provider!r}."


def _price(entry: Entry, provider: str, model: str, settings: Settings, prices: PriceTable) -> Price:
    if entry.free:
        url = {"ollama": settings.llm_ollama_url, "openai": settings.llm_openai_url}.get(provider, "")
        if is_local(url, settings) and _REMOTE_MARK not in model.lower():
            return FREE
    price = prices.price(_price_name(entry, provider, model))
    return times(price, entry.modifier)


def _price_name(entry: Entry, provider: str, model: str) -> str:
    return entry.price or (entry.name if provider in ("gemini", "ollama") else model)


def times(price: Price, modifier: float) -> Price:
    """``price`` that many times as dear, rounded up. Raises BadPrice for what is no factor."""
    if not 0 < modifier < 1000:  # NaN is not either
        raise BadPrice(f"modifier is {modifier}")
    if modifier == 1:
        return price

    def more(value: int) -> int:
        return -int(-value * modifier // 1)

    rates = tuple(
        (above, Rate(**{name: more(getattr(rate, name)) for name in rate.__struct_fields__}))
        for above, rate in price.rates
    )
    return Price(rates=rates, search=more(price.search))


def is_local(url: str, settings: Settings) -> bool:
    """Whether models at ``url`` may be believed to cost nothing."""
    allowed = {host.strip().lower() for host in settings.llm_local_hosts.split(",") if host.strip()}
    return (urlsplit(url).hostname or "").lower() in allowed
