"""Signing in through an identity provider, and out, as a person does it in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from shared.config.settings import Settings
from tests.support.api import served
from tests.support.browser import chromium, open_page, violations
from tests.support.oidc import SECRET, oidc_provider
from tests.support.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
DIST = Path(__file__).resolve().parents[2] / "services/frontend/dist"


def test_a_person_signs_in_and_out_and_a_person_without_a_role_is_told(postgres_url: str, valkey_url: str) -> None:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium here")
    with oidc_provider() as provider:
        settings = Settings(
            postgres_url=postgres_url,
            valkey_url=valkey_url,
            api_port=0,
            oidc_issuer=provider.url,
            oidc_client_id="groundswell",
            oidc_client_secret=SECRET,
            oidc_roles="@example.org=viewer",
            frontend_dir=str(DIST),
        )
        with served(settings) as api:
            eventually(lambda: api.http.get("/health/ready").status_code == 200)
            provider.back_to(api.url)
            provider.set(account={"sub": "sub-stranger", "email": "x@evil.example", "email_verified": True})
            with open_page(path, f"{api.url}/feeds") as (page, _):
                way_in = page.get_by_role("link", name="Sign in with")
                way_in.click()
                expect(page.get_by_role("alert")).to_contain_text("You have no role here")
                assert violations(page) == []
            provider.back_to(api.url)
            with open_page(path, f"{api.url}/feeds") as (page, _):
                page.get_by_role("link", name="Sign in with").click()
                expect(page.get_by_role("heading", name="Feeds", level=1)).to_be_visible()
                assert page.url == f"{api.url}/feeds"
                assert page.evaluate("document.cookie") == ""  # no script can read it
                (cookie,) = [one for one in page.context.cookies(api.url) if one["name"] == "groundswell_session"]
                assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
                assert (
                    page.evaluate("fetch('/api/v1/session', {method: 'DELETE'}).then(answer => answer.status)") == 204
                )
                page.reload()
                expect(page.get_by_role("link", name="Sign in with")).to_be_visible()
