"""A sealed feed from the simulator: signing in, sessions that end, wrong keys, and nothing secret in any log."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.relay.crypto.secret import Secret
from services.relay.crypto.wallet import EthereumWallet
from services.relay.drops import classify
from services.relay.sources.sealed.session import sign_in, sign_in_text, wallet_of
from services.relay.sources.sealed.source import Sealed
from services.relay.spec import FeedSpec
from services.solo.simulator import faults
from services.solo.simulator.sealed_server import SealedServer
from services.solo.simulator.stream import Stream
from shared.config.settings import Settings
from shared.contracts.sealed_feed import SealedOptions
from shared.errors import ConfigurationError, FeedUnavailable
from shared.store.cursors import Cursor
from shared.store.database import Database
from tests.support import texts
from tests.support.feed_unit import GAPS, REASONS, SHOWN, Unit
from tests.support.serving import serving
from tests.support.waiting import until

KEY = bytes(range(1, 33))


def stream(history_seconds: int = 60, rate: float = 40) -> Stream:
    return Stream(5, rate, time.time_ns() // 1_000 - history_seconds * 1_000_000, texts.corpus())


def settings_for(told: SealedServer, folder: Path, **changes: Any) -> Settings:
    key = folder / "wallet"
    key.write_text(KEY.hex())
    key.chmod(0o600)
    options = msgspec.to_builtins(told.told)
    options = {name: value for name, value in options.items() if value != getattr(SealedOptions(), name)}
    return Settings(
        relay_batch_milliseconds=5,
        relay_stall_seconds=3,
        feed_kind="sealed",
        feed_url=told.url,
        feed_key_file=str(key),
        feed_options=msgspec.json.encode(options).decode(),
        **changes,
    )


def unit_of(database: Database, told: SealedServer, folder: Path) -> Unit:
    settings = settings_for(told, folder)
    options = msgspec.json.decode(settings.feed_options)
    spec = FeedSpec("sealed", "sealed", told.url, 0, options)
    return Unit(database, spec, settings, told._stream.anchor_us)


def caught_up(unit: Unit) -> int:
    target = time.time_ns() // 1_000
    until(lambda: unit.counters().position > target, 60)
    return target


def check(unit: Unit, told: SealedServer, target: int) -> None:
    ledger = told._stream.ledger
    anchor = told._stream.anchor_us
    now_us = time.time_ns() // 1_000
    gone, left = set(ledger.deletes(anchor, now_us)), {one.author for one in ledger.departures(anchor, now_us)}
    served = {post.uri for post in ledger.posts(anchor, target) if post.author not in left} - gone
    stored = unit.all(SHOWN)
    assert len(served) > 100
    assert served - set(stored) == set()
    assert len(stored) == len(set(stored))


SHAPES = {
    "wallet": SealedOptions(),
    "ed25519": SealedOptions(scheme="ed25519", account="Solana"),
    "query": SealedOptions(token_in="query", token_name="access", key_field="k", nonce_field="n"),
    "cbc": SealedOptions(cipher="aes-256-cbc", encoding="hex", iv_field="nonce", content_field="data"),
    "cryptojs": SealedOptions(cipher="cryptojs"),
    "low recovery": SealedOptions(recovery=0, statement="Grüße"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_read_to_the_end(database: Database, tmp_path: Path, shape: str) -> None:
    with serving(SealedServer(stream(), options=SHAPES[shape])) as told:
        unit = unit_of(database, told, tmp_path)
        with unit:
            target = caught_up(unit)
        check(unit, told, target)
        assert unit.all(REASONS) == []
        assert unit.all(GAPS) == []


def test_sessions_that_end_and_frames_that_fail_lose_nothing(database: Database, tmp_path: Path) -> None:
    spec = faults.parse("garbage:60,half:80,duplicate:30,drop:700")
    with serving(SealedServer(stream(), faults=spec)) as told:
        unit = unit_of(database, told, tmp_path)
        with unit:
            for _ in range(3):
                seen = len(told.desk.sessions)
                before = unit.counters().events
                until(lambda before=before: unit.counters().events > before)
                told.desk.expire()
                until(lambda seen=seen: len(told.desk.sessions) > seen)
            target = caught_up(unit)
        check(unit, told, target)
        assert unit.all(REASONS) == ["undecryptable"]
        assert unit.all(GAPS) == []


def test_the_cursor_is_kept_through_a_new_session(database: Database, tmp_path: Path) -> None:
    with serving(SealedServer(stream())) as told:
        unit = unit_of(database, told, tmp_path)
        with unit:
            caught_up(unit)
            first = len(told.desk.sessions)
            told.desk.expire()
            until(lambda: len(told.desk.sessions) > first)
            caught_up(unit)
        # the token took us on where we were: almost nothing came twice
        assert unit.counters().duplicates < 100


def cursor() -> Cursor:
    now_us = time.time_ns() // 1_000
    return Cursor(wire="", host="", position=now_us - 30_000_000, token=None, events=0, now_us=now_us)


def source_of(told: SealedServer, **changes: Any) -> Sealed:
    options = msgspec.structs.replace(told.told, **changes)
    return Sealed(told.url, options, Secret(KEY), max_frame_bytes=1 << 20, stall_seconds=5)


def test_a_wrong_session_key_means_signing_in_again_and_then_saying_so() -> None:
    with serving(SealedServer(stream())) as told:
        told.desk.lies = True
        source = source_of(told)
        for attempt in (1, 2):
            source.open(cursor())
            frames = [frame for frame in source.frames(threading.Event()) if frame is not None]
            source.close()
            assert {frame.fault for frame in frames} == {"undecryptable"}
            assert len(told.desk.sessions) == attempt
        drop = classify(source.ending(0))
        assert drop.cause == "refused"
        assert "also after signing in again" in drop.reason
        # when the server tells the truth again, so do the frames
        told.desk.lies = False
        source.open(cursor())
        first = next(frame for frame in source.frames(threading.Event()) if frame is not None)
        source.close()
        assert first.fault == ""
        assert first.token is not None


def test_a_token_that_the_server_no_longer_knows_is_replaced_before_anything_is_read() -> None:
    with serving(SealedServer(stream())) as told:
        source = source_of(told)
        source.open(cursor())
        source.close()
        told.desk.expire()  # the client still believes in its session
        source.open(cursor())
        assert next(frame for frame in source.frames(threading.Event()) if frame is not None).fault == ""
        source.close()
        assert len(told.desk.sessions) == 2


def test_a_nonce_that_ran_out_is_asked_for_again_once() -> None:
    with serving(SealedServer(stream())) as told:
        told.desk.nonce_seconds = 0.0
        with pytest.raises(FeedUnavailable, match="HTTP 401 nonce_expired"):
            sign_in(told.told, wallet_of(told.told, Secret(KEY)), time.time_ns() // 1_000)


def test_a_nonce_is_good_for_one_signature() -> None:
    with serving(SealedServer(stream())) as told:
        wallet, nonce = EthereumWallet(Secret(KEY)), told.desk.nonce()
        text = sign_in_text(told.told, wallet.address, nonce, time.time_ns() // 1_000)
        told.desk.verify(text, wallet.sign(text).hex())
        with pytest.raises(Exception, match="nonce_used"):
            told.desk.verify(text, wallet.sign(text).hex())


@pytest.mark.parametrize("nonce", ["short", "two\nlines and more", "x" * 200, "with blank ok", None, 12345678])
def test_a_nonce_never_shapes_the_text_that_is_signed(nonce: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(SealedServer(stream())) as told:
        monkeypatch.setattr(told.desk, "nonce", lambda: nonce)
        with pytest.raises(FeedUnavailable, match="no nonce"):
            sign_in(told.told, wallet_of(told.told, Secret(KEY)), time.time_ns() // 1_000)


@pytest.mark.parametrize("change", [{"nonce_url": "http://127.0.0.1:9/"}, {"verify_url": "http://127.0.0.1:9/"}])
def test_a_desk_that_is_away_is_a_feed_that_is_not_available(change: dict[str, str]) -> None:
    with serving(SealedServer(stream())) as told:
        source = source_of(told, **change)
        with pytest.raises(FeedUnavailable):
            source.open(cursor())
        assert classify(source.ending(0)).cause == "refused"


def test_a_sealed_feed_without_a_key_is_a_mistake_of_the_configuration(database: Database, tmp_path: Path) -> None:
    with serving(SealedServer(stream())) as told:
        spec = FeedSpec("other", "sealed", told.url, 0)
        unit = Unit(database, spec, settings_for(told, tmp_path), 0)
        with pytest.raises(ConfigurationError, match="has no key"):
            unit.__enter__()


def test_nothing_secret_reaches_logs_states_or_reprs(
    database: Database, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(SealedServer(stream(), options=SealedOptions(token_in="query"))) as told:
        unit = unit_of(database, told, tmp_path)
        with unit:
            caught_up(unit)
            first = len(told.desk.sessions)
            told.desk.expire()
            until(lambda: len(told.desk.sessions) > first)
        secrets = [KEY.hex(), *told.desk.sessions, *(each.key.reveal().hex() for each in told.desk.sessions.values())]
        source = source_of(told)
        source.open(cursor())
        source.close()
        # then neither what was written, nor what is shown of the objects, holds one
        shown = "".join(capfd.readouterr())
        assert "feed_signed_in" in shown
        for part in (source, source._session, source._wallet, source._opener, source.ending(0), unit.unit.state.view()):
            shown += repr(part) + repr(getattr(part, "__dict__", ""))
        assert [secret for secret in secrets if secret in shown] == []
        assert repr(KEY)[2:-1] not in shown
