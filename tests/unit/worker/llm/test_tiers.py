"""Models are data: what may be asked, and why the others may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.worker.llm.price_table import PriceTable, load_prices
from services.worker.llm.request import Message, Request, Tool, essence
from services.worker.llm.route import capable, classify, pinch
from services.worker.llm.tiers import Tiers, load_tiers
from shared.config.load import load
from shared.config.settings import Settings
from shared.errors import ConfigurationError
from tests.support.llm import model, request

PRICES = PriceTable(
    {
        "claude-x": {"input_cost_per_token": 1e-6, "output_cost_per_token": 5e-6},
        "gemini/flash": {"input_cost_per_token": 3e-7, "output_cost_per_token": 2.5e-6, "max_output_tokens": 500},
        "gpt-free": {"input_cost_per_token": 0, "output_cost_per_token": 0},
        "ollama/big-cloud": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
    },
    source="the test's table",
)
KEYS: dict[str, Any] = {
    "llm_anthropic_api_key": "a",
    "llm_gemini_api_key": "g",
    "llm_openai_api_key": "o",
    "llm_ollama_url": "http://127.0.0.1:11434",
}


def tiers(folder: Path, entries: str, **about: Any) -> Tiers:
    file = folder / "tiers.toml"
    file.write_text(entries)
    return load_tiers(Settings(llm_tiers_file=str(file), **(KEYS | about)), PRICES)


def entry(name: str, more: str = "") -> str:
    about = 'tier = "t"\ncan = ["simple"]\nquality = 1\ncontext = 1000\noutput = 1000\n'
    return f'[[model]]\nname = "{name}"\n{about}{more}\n'


def test_models_are_sorted_by_price_and_not_by_their_order(tmp_path: Path) -> None:
    found = tiers(tmp_path, entry("anthropic/claude-x") + entry("gemini/flash") + entry("ollama/q", "free = true"))
    assert [model.name for model in found.models] == ["ollama/q", "gemini/flash", "anthropic/claude-x"]
    assert found.models[0].free
    assert found.models[1].output == 500, "the table says that it writes no more"


@pytest.mark.parametrize(
    ("name", "more", "about", "why"),
    [
        ("openai/unheard", "", {}, "not in the test's table"),
        ("openai/gpt-free", "", {}, "input_cost_per_token is 0"),
        ("ollama/q", "free = true", {"llm_ollama_url": "http://far.example:11434"}, "price is not known"),
        ("ollama/big-cloud", "free = true", {}, "input_cost_per_token is 0"),
        ("anthropic/claude-x", "free = true\nmodifier = nan", {}, "modifier is nan"),
        ("anthropic/claude-x", "", {"llm_anthropic_api_key": ""}, "GROUNDSWELL_LLM_ANTHROPIC_API_KEY is not set"),
        ("ollama/q", "free = true", {"llm_ollama_url": ""}, "GROUNDSWELL_LLM_OLLAMA_URL is not set"),
        ("nobody/x", "", {}, "no provider 'nobody'"),
    ],
)
def test_a_model_without_key_address_or_price_is_left_out_and_it_is_said_why(
    tmp_path: Path, name: str, more: str, about: dict[str, Any], why: str
) -> None:
    found = tiers(tmp_path, entry(name, more), **about)
    assert found.models == ()
    assert why in found.left_out[name]


def test_free_is_believed_of_allowed_hosts_and_nowhere_else(tmp_path: Path) -> None:
    assert tiers(tmp_path, entry("openai/q", "free = true"), llm_openai_url="http://localhost:8000/v1").models[0].free
    assert not tiers(tmp_path, entry("anthropic/claude-x", "free = true")).models[0].free
    far = {"llm_ollama_url": "http://box:1", "llm_local_hosts": "box"}
    assert tiers(tmp_path, entry("ollama/q", "free = true"), **far).models[0].free


def test_a_modifier_makes_every_price_dearer(tmp_path: Path) -> None:
    [plain] = tiers(tmp_path, entry("anthropic/claude-x")).models
    [dear] = tiers(tmp_path, entry("anthropic/claude-x", "modifier = 1.1")).models
    assert dear.price.typical == pytest.approx(1.1 * plain.price.typical, rel=1e-4)


@pytest.mark.parametrize("text", ["[[model]", "model = 1", entry("a/b", "colour = 1"), entry("a/b") + entry("a/b"), ""])
def test_a_file_that_cannot_be_used_is_a_mistake_in_the_configuration(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="language models"):
        tiers(tmp_path, text)


def test_an_operators_prices_win_and_a_broken_file_of_them_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "prices.json"
    own.write_text('{"claude-haiku-4-5": {"input_cost_per_token": 2e-6, "output_cost_per_token": 9e-6}}')
    assert load_prices(str(own)).price("claude-haiku-4-5").rates[0][1].input == 2_000_000
    own.write_text('{"claude-haiku-4-5": {"input_cost_per_token": NaN}}')
    with pytest.raises(ConfigurationError, match="file of prices"):
        load_prices(str(own))


def test_the_shipped_models_have_prices_in_the_shipped_table_and_the_cheapest_comes_first() -> None:
    found = load_tiers(Settings(**KEYS), load_prices())
    assert found.left_out == {}
    assert {model.provider for model in found.models} == {"ollama", "gemini", "anthropic", "openai"}
    assert [model.name for model in found.models if model.free] == ["ollama/qwen3:8b"]
    typical = [model.price.typical for model in found.models]
    assert typical == sorted(typical)
    assert typical[0] == 0


def test_nothing_is_set_up_unless_an_operator_does() -> None:
    assert load_tiers(Settings(), PRICES).models == ()


@pytest.mark.parametrize("value", ["nan", "inf", "-1"])
def test_a_budget_that_is_no_amount_is_refused(value: str) -> None:
    environment = {"GROUNDSWELL_POSTGRES_URL": "postgresql://a/b", "GROUNDSWELL_VALKEY_URL": "redis://a"}
    with pytest.raises(ConfigurationError, match="GROUNDSWELL_LLM_BUDGET_USD"):
        load("worker", {**environment, "GROUNDSWELL_LLM_BUDGET_USD": value})


TOOL = Tool(name="search", description="Search.", parameters={"type": "object"})


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (request("Name the sea."), "simple"),
        (request("Compare the two tides."), "analysis"),
        (request("x" * 7_000), "analysis"),
        (request("Find the root cause."), "reasoning"),
        (request("Find the root cause.", tools=(TOOL,)), "tools"),
        (request("Compare", kind="simple"), "simple"),
    ],
)
def test_requests_are_classified(asked: Request, kind: str) -> None:
    assert classify(asked) == kind


def test_a_request_goes_to_models_that_can_do_it_and_at_a_pinch_to_others() -> None:
    cheap = model("openai/a", can=("simple",), at_a_pinch=("reasoning",))
    dear = model("openai/b")
    small = model("openai/c", output=10)
    narrow = model("openai/d", context=10)
    models = (cheap, small, narrow, dear)
    assert capable(models, request(), "simple", 100) == [cheap, dear]
    assert capable(models, request(), "reasoning", 100) == [dear]
    assert pinch(models, request(), "reasoning", 100) == [cheap]
    assert capable(models, request(tools=(TOOL,)), "simple", 100) == [dear], "a model without tools cannot use them"


def test_what_an_answer_depends_on_is_in_its_essence_and_nothing_else() -> None:
    base = request()
    same = [request(agent="other"), request(priority="background"), request(least_tokens=1)]
    other = [
        request("What is the tide"),
        request(tenant="b"),
        request(system="Be short."),
        request(max_tokens=201),
        request(temperature=0.1),
        request(tools=(TOOL,)),
        Request(agent="scout", max_tokens=200, messages=(*base.messages, Message(role="assistant", text="High."))),
    ]
    assert {essence(one) for one in same} == {essence(base)}
    assert len({essence(one) for one in [base, *other]}) == len(other) + 1
