"""The owner's token: made once, for the owner alone, and asked for where others can come."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.solo.client import ApiClient
from services.solo.folder import DataFolder
from services.solo.owner import NAME, owner_token
from services.solo.stack import with_owner
from shared.config.load import load
from shared.config.settings import Settings
from shared.errors import ConfigurationError, InputError


def test_it_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    token = owner_token(tmp_path)
    assert (len(token) >= 43, owner_token(tmp_path)) == (True, token)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize(("mode", "text"), [(0o644, "x" * 43), (0o640, "x" * 43), (0o600, "  \n")])
def test_one_that_others_may_have_read_or_that_is_empty_is_refused(tmp_path: Path, mode: int, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    (tmp_path / NAME).chmod(mode)
    with pytest.raises(ConfigurationError, match="Remove it") as refused:
        owner_token(tmp_path)
    assert "xxx" not in str(refused.value)


def test_this_machine_comes_in_freely_and_whoever_comes_from_elsewhere_needs_it(tmp_path: Path) -> None:
    told = {
        "here": with_owner(Settings(), tmp_path),
        "closed": with_owner(Settings(loopback="closed"), tmp_path),
        "beyond": with_owner(Settings(api_host="0.0.0.0"), tmp_path),
        "people": with_owner(Settings(oidc_issuer="https://id.example"), tmp_path),
    }
    assert {name: settings.loopback for name, settings in told.items()} == {
        "here": "open",
        "closed": "closed",
        "beyond": "closed",
        "people": "closed",
    }
    assert {settings.api_token for settings in told.values()} == {owner_token(tmp_path)}
    own = Settings(api_token="a token of one's own")
    assert with_owner(own, tmp_path) is own


def test_nothing_is_open_beyond_this_machine() -> None:
    assert load("solo", {"GROUNDSWELL_API_HOST": "0.0.0.0"}).api_token == ""  # solo makes one
    with pytest.raises(ConfigurationError, match="LOOPBACK"):
        load("solo", {"GROUNDSWELL_API_HOST": "0.0.0.0", "GROUNDSWELL_LOOPBACK": "open"})


def test_a_client_tells_it_only_to_a_stack_that_runs_and_only_when_asked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    folder = DataFolder(data)
    folder.open()
    token = owner_token(data)
    told: list[str] = []

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.append(self.headers.get("Authorization", ""))
            good = told[-1] == f"Bearer {token}"
            self.send_response(200 if good else 401)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings = Settings(api_port=server.server_port, data_dir=str(data))
        client = ApiClient(settings)
        assert client.raw("/a") == client.raw("/b") == b"{}"
        assert told == ["", f"Bearer {token}", f"Bearer {token}"]
        folder.close()
        with pytest.raises(InputError):
            ApiClient(settings).raw("/c")
        assert told[3:] == [""]
        server.shutdown()
        thread.join()
