"""What the gateway's thread says of itself, for health."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.worker.llm import thread
from services.worker.llm.open import tiers_of
from services.worker.llm.thread import LlmThread
from shared.config.settings import Settings
from shared.errors import ModelUnavailable
from shared.telemetry.health import State
from tests.support.agents import model_settings
from tests.support.fake_llm import Fake
from tests.support.llm import request
from tests.support.waiting import until


def test_health_says_that_no_provider_answers_and_when_one_does_again(
    postgres_url: str, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "KEEP_SECONDS", 0.05)
    settings = Settings(postgres_url=postgres_url, **model_settings(tmp_path, fake.url))
    said: list[tuple[State, str | None]] = []
    llm = LlmThread(settings, tiers_of(settings), lambda state, why: said.append((state, why)))
    llm.start()
    try:
        until(lambda: said[-1:] == [("ok", None)])
        fake.control(script=["400"])
        with pytest.raises(ModelUnavailable, match="openai refused"):
            llm.complete(request(kind="tools"), seconds=20)
        why = "openai refused the question; its key, or the model's name, may be wrong."
        until(lambda: said[-1] == ("degraded", why), what=str(said[-3:]))
        llm.complete(request(kind="tools"), seconds=20)
        until(lambda: said[-1] == ("ok", None))
    finally:
        llm.stop()
