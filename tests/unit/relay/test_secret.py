"""Keys: where they come from, how they are written, and that nothing shows one."""

from __future__ import annotations

import base64
import copy
import pickle
from pathlib import Path

import pytest

from services.relay.crypto.secret import Secret, decoded_key, key_from_file, key_from_text, named_file
from services.relay.keys import key_of
from services.relay.spec import FeedSpec
from shared.config.settings import Settings
from shared.errors import ConfigurationError

KEY = bytes(range(100, 132))
HEX = KEY.hex()


@pytest.mark.parametrize(
    "written",
    [HEX, HEX.upper(), f"0x{HEX}", f"{HEX}\n", base64.b64encode(KEY), base64.urlsafe_b64encode(KEY).rstrip(b"="), KEY],
)
def test_a_key_is_read_as_hex_base64_or_raw(written: str | bytes) -> None:
    assert decoded_key(written) == KEY


def test_raw_bytes_that_end_like_white_space_stay_whole() -> None:
    raw = b"\n" + bytes(30) + b" "
    assert decoded_key(raw) == raw


def test_a_hex_string_taken_as_text_is_no_32_byte_key() -> None:
    with pytest.raises(ValueError, match=r"64 bytes as raw, not 32\. It looks like hex"):
        decoded_key(HEX, "raw")
    assert decoded_key("a" * 32, "raw") == b"a" * 32


@pytest.mark.parametrize("written", ["", "abc", HEX[:-2], "g" * 64, "!" * 44, base64.b64encode(KEY[:-1])])
def test_what_is_no_key_is_an_error_that_does_not_show_it(written: str | bytes) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared below
        decoded_key(written)
    shown = written.decode() if isinstance(written, bytes) else written
    assert not shown or shown not in str(error.value)
    with pytest.raises(ConfigurationError) as told:
        key_from_text(shown, "GROUNDSWELL_FEED_KEY")
    assert not shown or shown not in str(told.value)


def test_a_secret_shows_nothing(tmp_path: Path) -> None:
    secret = Secret(KEY)
    assert [repr(secret), str(secret), f"{secret}", f"{[secret]}"] == ["Secret(***)"] * 3 + ["[Secret(***)]"]
    assert not hasattr(secret, "__dict__")
    for write in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            write(secret)


def put(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", [HEX.encode() + b"\n", KEY, base64.b64encode(KEY)])
def test_a_file_of_its_owner_holds_a_key(tmp_path: Path, content: bytes) -> None:
    assert key_from_file(put(tmp_path / "key", content), "x").reveal() == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigurationError, match="chmod 600") as error:
        key_from_file(put(tmp_path / "key", HEX.encode(), mode), "x")
    assert HEX not in str(error.value)


def test_what_is_no_key_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path, put(tmp_path / "long", b"0" * 10_000)):
        with pytest.raises(ConfigurationError):
            key_from_file(path, "x")


@pytest.mark.parametrize("name", ["../key", "/etc/passwd", ".hidden", "", "a/b", "x" * 100])
def test_a_key_is_named_inside_its_folder_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError):
        named_file(tmp_path, name, "x")


def test_a_feeds_key_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    put(tmp_path / "secrets" / "mine", HEX.encode())
    given = Settings(
        data_dir=str(tmp_path), feed_kind="sealed", feed_url="wss://a.example", feed_key=bytes(range(32)).hex()
    )

    def of(**changes: object) -> bytes | None:
        spec = FeedSpec("sealed", "sealed", "wss://a.example", 0)
        found = key_of(
            FeedSpec(**{name: changes.get(name, getattr(spec, name)) for name in spec.__struct_fields__}), given
        )
        return None if found is None else found.reveal()

    assert of() == bytes(range(32))
    assert of(options={"key": "mine"}) == KEY
    # a feed that only bears the first one's name, or points elsewhere, does not get its key
    assert of(id="other") is None
    assert of(url="wss://b.example") is None
