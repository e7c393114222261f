"""Chromium, where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

#: The sandbox needs rights that a container rarely has; the rest keeps Chromium from calling home.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_AXE = Path(__file__).resolve().parents[2] / "services/frontend/node_modules/axe-core/axe.min.js"


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is: its rules, each with the elements."""
    found = page.evaluate(
        f"(() => {{ {_AXE.read_text()}; return axe.run(document, {{ resultTypes: ['violations'] }}); }})()"
    )
    return [f"{one['id']}: {[node['target'] for node in one['nodes'][:3]]}" for one in found["violations"]]


def chromium() -> str | None:
    """Path of an installed Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


class Problems(list[str]):
    """What the page complained about: uncaught errors and console errors."""


@contextmanager
def open_page(path: str, url: str) -> Iterator[tuple[Page, Problems]]:
    problems = Problems()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(url)
        try:
            yield page, problems
        finally:
            browser.close()
