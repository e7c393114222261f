"""Documents that cannot rot: what is generated is fresh, what is referred to exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.api.openapi import is_fresh
from services.api.operations.document import page as operations_page
from services.api.operations.registry import TOOLSETS
from services.cli.env import metrics_page
from shared.config.document import page, template
from shared.store.business import FIGURES

ROOT = Path(__file__).resolve().parents[2]


def test_the_environment_template_is_fresh() -> None:
    assert (ROOT / "env/example.env").read_text("utf-8") == template(), "run: make generated"


def test_the_configuration_page_is_fresh() -> None:
    assert (ROOT / "docs/configuration.md").read_text("utf-8") == page(), "run: make generated"


def test_the_metrics_page_is_fresh() -> None:
    assert (ROOT / "docs/metrics.md").read_text("utf-8") == metrics_page(), "run: make generated"


def test_the_operations_page_is_fresh() -> None:
    assert (ROOT / "docs/operations.md").read_text("utf-8") == operations_page(), "run: make generated"


def test_the_openapi_document_is_fresh() -> None:
    assert is_fresh(ROOT / "services/frontend/openapi.json"), "run: make generated"


#: What the glossary calls each business figure.
FIGURE_TERMS = {
    "llm_success": "LLM success rate",
    "interaction_cost": "cost per interaction",
    "agent_completion": "agent completion rate",
    "pipeline_success": "pipeline success rate",
    "cache_hits": "cache hit rate",
    "reports_opened": "opening rate",
    "reports_helpful": "helpful rate",
}


def test_every_business_figure_is_defined_and_drawn() -> None:
    assert tuple(FIGURE_TERMS) == FIGURES
    glossary = (ROOT / "docs/glossary.md").read_text("utf-8")
    drawn = (ROOT / "services/frontend/src/lib/core/business.ts").read_text("utf-8")
    assert [term for term in FIGURE_TERMS.values() if f"| {term} | " not in glossary] == []
    assert re.findall(r"{ name: '(\w+)', title:", drawn) == list(FIGURES)


def test_the_page_about_mcp_names_every_toolset() -> None:
    text = (ROOT / "docs/mcp.md").read_text("utf-8")
    assert [name for name in TOOLSETS if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    "lock",
    [
        "run.lock",
        "test.lock",
        "bench.lock",
        "english.lock",
        "llm.lock",
        "fuzz.lock",
        "node.lock",
        "render-node.lock",
        "cuda.lock",
    ],
)
def test_lock_files_are_hashed_and_carry_no_addresses(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text("utf-8")
    pins = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
    assert pins
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text


def test_the_npm_lock_carries_no_addresses() -> None:
    text = (ROOT / "services/frontend/package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    assert '"integrity"' in text


def test_relative_links_in_documents_lead_somewhere() -> None:
    broken = []
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text("utf-8")):
            if not (document.parent / target).exists():
                broken.append(f"{document.relative_to(ROOT)} -> {target}")
    assert broken == []


def test_every_test_the_invariants_page_names_exists() -> None:
    text = (ROOT / "docs/invariants.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert named
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in (ROOT / path).read_text("utf-8")]
    assert missing == []


def test_every_make_target_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text("utf-8"))):
        assert re.search(rf"^{target}:", makefile, re.M), target
