"""A real API, a fake provider, and two weeks of posts."""

from tests.integration.worker.agents.conftest import api, fake, settings

__all__ = ["api", "fake", "settings"]
