"""Puts a gateway together from the settings. SDKs are not imported here, but where the first call needs one."""

from __future__ import annotations

from services.worker.llm.budget import Budget, Limits
from services.worker.llm.cache import Caching
from services.worker.llm.gateway import Gateway
from services.worker.llm.price_table import load_prices
from services.worker.llm.pricing import nano_from_usd
from services.worker.llm.providers.base import Provider
from services.worker.llm.providers.claude import ClaudeProvider
from services.worker.llm.providers.gemini import GeminiWire
from services.worker.llm.providers.ollama import OllamaWire
from services.worker.llm.providers.openai import OpenAIWire
from services.worker.llm.providers.through_litellm import LitellmProvider
from services.worker.llm.providers.wire import WireProvider
from services.worker.llm.tiers import Tiers, is_local, load_tiers
from shared.config.settings import Settings
from shared.store.database import AsyncDatabase


def tiers_of(settings: Settings) -> Tiers:
    """The models that the settings allow. Raises ConfigurationError."""
    if not any_provider(settings):
        return Tiers(models=(), left_out={})  # most have none: then nothing is read
    return load_tiers(settings, load_prices(settings.llm_prices_file))


def any_provider(settings: Settings) -> bool:
    """Whether the settings name any."""
    keys = ("gemini", "anthropic", "openai", "litellm")
    named = any(getattr(settings, f"llm_{provider}_api_key") for provider in keys)
    return bool(named or settings.llm_ollama_url) or is_local(settings.llm_openai_url, settings)


def limits_of(settings: Settings) -> Limits:
    """The limits that the settings set."""
    return Limits(
        month=nano_from_usd(settings.llm_budget_usd),
        agent=nano_from_usd(settings.llm_agent_budget_usd),
        run=nano_from_usd(settings.llm_run_budget_usd),
    )


def make_gateway(settings: Settings, tiers: Tiers, database: AsyncDatabase) -> tuple[Gateway, Budget]:
    """A gateway for the running event loop, and its budget."""
    budget = Budget(database, limits_of(settings))
    providers = {name: make_provider(name, settings) for name in sorted({model.provider for model in tiers.models})}
    return Gateway(tiers.models, providers, budget, seconds=settings.llm_call_seconds), budget


def make_cached(settings: Settings, gateway: Gateway, database: AsyncDatabase) -> Caching:
    """The gateway with what was answered before."""
    return Caching(gateway, database, settings.llm_cache_hours)


def make_provider(name: str, settings: Settings) -> Provider:
    """The provider ``name``: anthropic, gemini, openai, ollama or litellm."""
    match name:
        case "anthropic":
            return ClaudeProvider(settings.llm_anthropic_url, settings.llm_anthropic_api_key)
        case "gemini":
            return WireProvider(GeminiWire(), settings.llm_gemini_url, settings.llm_gemini_api_key)
        case "openai":
            wire = OpenAIWire(local=is_local(settings.llm_openai_url, settings))
            return WireProvider(wire, settings.llm_openai_url, settings.llm_openai_api_key)
        case "ollama":
            return WireProvider(OllamaWire(), settings.llm_ollama_url, "")
        case "litellm":
            return LitellmProvider(settings.llm_litellm_url, settings.llm_litellm_api_key)
    raise ValueError(f"no provider {name!r}")
