"""What describes a feed: one form of its address, no secret in it, no option that nobody reads."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest

from services.relay.sources.registry import SPOKEN
from shared.contracts import feeds
from shared.contracts.feeds import FORMS, Form, check_feed
from shared.errors import InputError

URL = "wss://feed.example/subscribe"


class KiteOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_file: Annotated[str, msgspec.Meta(min_length=1, description="File with the key.")]
    cipher: Literal["gcm", "cbc"] = "gcm"
    kinds: tuple[int, ...] = (1,)


@pytest.fixture
def kite(monkeypatch: pytest.MonkeyPatch) -> None:
    form = Form(title="Kite", schemes=("https",), example="https://kite.example", options=KiteOptions)
    monkeypatch.setitem(feeds.FORMS, "kite", form)


def test_the_relay_speaks_every_kind_that_can_be_added() -> None:
    assert set(FORMS) == SPOKEN
    for kind, form in FORMS.items():
        assert check_feed(kind, form.example, {}) or form.options


def test_an_address_has_one_form() -> None:
    assert check_feed("jetstream", "wss://Feed.Example/Subscribe/", {}).url == "wss://feed.example/Subscribe"
    assert check_feed("jetstream", "ws://[::1]:9000", {}).url == "ws://[::1]:9000"
    assert check_feed("jetstream", f"{URL}?wantedDids=did:plc:a", {}).url == f"{URL}?wantedDids=did:plc:a"


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("", "begin with"),
        ("https://feed.example", "wss://"),
        ("wss://", "host is missing"),
        ("wss://:443/x", "host is missing"),
        ("wss://feed.example:0", "port 0"),
        ("wss://feed.example:99999", "cannot be read"),
        ("wss://[::1", "cannot be read"),
        ("wss://feed example/x", "blanks"),
        ("wss://feed.example/\nx", "blanks"),
        ("wss://me:pass@feed.example", "password"),
        ("wss://me@feed.example", "user name"),
        ("wss://feed.example/#x", "fragment"),
        ("wss://feed.example/?access_token=x", "`access_token`"),
        ("wss://feed.example/?apiKey=x", "`apiKey`"),
        ("wss://feed.example/" + "x" * 2_000, "longer"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_the_reason(url: str, wrong: str) -> None:
    with pytest.raises(InputError) as refused:
        check_feed("jetstream", url, {})
    assert wrong in refused.value.why
    assert "pass" not in refused.value.what + refused.value.do
    assert FORMS["jetstream"].example in refused.value.do


def test_a_jetstream_feed_may_have_several_hosts_and_each_is_checked() -> None:
    good = check_feed("jetstream", f"{URL}/, WS://b.example", {"hosts": ["wss://c.example"], "version": 2})
    assert good.url == f"{URL},ws://b.example"
    with pytest.raises(InputError, match="password"):
        check_feed("jetstream", f"{URL},wss://a:b@c.example", {})
    with pytest.raises(InputError, match="wss://"):
        check_feed("jetstream", URL, {"hosts": ["c.example"]})
    for options in ({"version": 3}, {"hosts": "wss://c.example"}, {"zstd_dictionary": "https://a:b@c.example/d"}):
        with pytest.raises(InputError, match=next(iter(options))):
            check_feed("jetstream", URL, options)
    [jetstream] = [form for form in feeds.forms() if form.kind == "jetstream"]
    shown = {option.name: (option.type, option.choices) for option in jetstream.options}
    own = {"hosts": ("array", []), "version": ("integer", [1, 2]), "zstd_dictionary": ("string", [])}
    assert shown == {"shard": ("string", []), **own}


FOREIGN = ["file:///etc/passwd", "gopher://x:70/_", "ftp://x/y", "data:,x", "javascript:alert(1)", "/etc/passwd", "x"]


@pytest.mark.parametrize("url", [*FOREIGN, "http://feed.example", "https://"])
@pytest.mark.parametrize("kind", sorted(FORMS))
def test_no_kind_takes_an_address_it_does_not_speak(kind: str, url: str) -> None:
    with pytest.raises(InputError, match="begin with wss:// or ws://"):
        check_feed(kind, url, {})


@pytest.mark.parametrize("name", ["nonce_url", "verify_url"])
def test_where_a_sealed_feed_is_signed_in_is_a_web_address(name: str) -> None:
    for url in (*FOREIGN, "wss://feed.example/auth", "https://", "https://me:hunter2@feed.example/n"):
        with pytest.raises(InputError, match=f"option `{name}`") as refused:
            check_feed("sealed", URL, {name: url})
        assert "hunter2" not in str(refused.value)
    with pytest.raises(InputError, match="begin with https://"):
        check_feed("sealed", URL, {name: "http://feed.example/auth"})
    assert check_feed("sealed", "ws://127.0.0.1:9", {name: "http://127.0.0.1:10/auth"})
    assert check_feed("sealed", URL, {name: "https://feed.example/auth"})
    assert check_feed("sealed", URL, {name: ""})


def test_a_dictionary_is_a_file_or_a_web_address() -> None:
    for good in ("/srv/dictionary", "d.bin", "server", "", "https://c.example/d#sha256=00", "http://127.0.0.1:9/d"):
        assert check_feed("jetstream", URL, {"zstd_dictionary": good})
    for bad in ("gopher://c.example/d", "file:///srv/d", "ftp://c.example/d", "https://"):
        with pytest.raises(InputError, match="option `zstd_dictionary`"):
            check_feed("jetstream", URL, {"zstd_dictionary": bad})


def test_an_unknown_kind_or_option_is_named() -> None:
    with pytest.raises(InputError, match=r"pigeon.*jetstream"):
        check_feed("pigeon", URL, {})
    with pytest.raises(InputError, match="no option `colour`"):
        check_feed("jetstream", URL, {"colour": "red"})


@pytest.mark.usefixtures("kite")
def test_options_are_checked_by_their_kind() -> None:
    good = check_feed("kite", "https://kite.example/", {"key_file": "/run/secrets/kite"})
    assert good.options == KiteOptions(key_file="/run/secrets/kite")
    for options, wrong in [
        ({}, "key_file"),
        ({"key_file": ""}, "key_file"),
        ({"key_file": "/k", "cipher": "rot13"}, "cipher"),
        ({"key_file": "/k", "kinds": "all"}, "kinds"),
        ({"key_file": "/k", "key": "hunter2"}, "`key`"),
    ]:
        with pytest.raises(InputError) as refused:
            check_feed("kite", "https://kite.example", options)
        assert wrong in refused.value.why
        assert "hunter2" not in str(refused.value)


@pytest.mark.usefixtures("kite")
def test_interfaces_are_told_which_options_there_are() -> None:
    [kite] = [form for form in feeds.forms() if form.kind == "kite"]
    key, cipher, kinds = kite.options
    assert (key.name, key.type, key.doc, key.required) == ("key_file", "string", "File with the key.", True)
    assert (cipher.choices, cipher.default, cipher.required) == (["cbc", "gcm"], "gcm", False)
    assert kinds.type == "array"
    assert msgspec.json.encode(kinds.default) == b"[1]"
