"""Who may come in at a render node."""

from __future__ import annotations

import secrets

import pytest

from services.render_node.door import MOST_NONCES, Door, Turned
from shared.contracts import signing

SECRET = "a secret of thirty-two characters!"
HASH = signing.body_hash(b"")


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def signed(
    at: float, *, nonce: str | None = None, secret: str = SECRET, target: str = "/health", body: str = HASH
) -> dict[str, str]:
    nonce, sent = nonce or secrets.token_hex(16), int(at * 1000)
    return {
        signing.TIME: str(sent),
        signing.NONCE: nonce,
        signing.BODY: body,
        signing.SIGNATURE: signing.sign_request(secret, "GET", target, sent, nonce, body),
    }


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Door:
    return Door(SECRET, clock)


def turned(door: Door, headers: dict[str, str], method: str = "GET", target: str = "/health") -> Turned:
    with pytest.raises(Turned) as caught:
        door.judge(method, target, headers)
    return caught.value


def test_a_signed_request_of_now_comes_in_once(door: Door, clock: Clock) -> None:
    headers = signed(clock.now)
    assert door.judge("GET", "/health", headers) == (headers[signing.NONCE], HASH)
    assert turned(door, headers).kind == "replay"


def test_what_was_signed_for_another_purpose_stays_out(door: Door, clock: Clock) -> None:
    headers = signed(clock.now)
    assert turned(door, headers, method="DELETE").kind == "signature"
    assert turned(door, headers, target="/health?x=1").kind == "signature"
    assert turned(door, {**headers, signing.TIME: str(int(clock.now * 1000) + 1)}).kind == "signature"
    assert turned(door, {**headers, signing.NONCE: secrets.token_hex(16)}).kind == "signature"
    assert turned(door, {**headers, signing.BODY: signing.body_hash(b"x")}).kind == "signature"
    assert turned(door, signed(clock.now, secret="another secret of 32 characters!!")).kind == "signature"
    # and none of these used up the true one's nonce
    assert door.judge("GET", "/health", headers)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {signing.NONCE: "short"},
        {signing.TIME: "yesterday"},
        {signing.TIME: "9" * 40},
        {signing.TIME: "\u0661" * 13},
        {signing.BODY: "x"},
        {signing.SIGNATURE: "ü"},
    ],
)
def test_broken_headers_are_refused_plainly(broken: dict[str, str], door: Door, clock: Clock) -> None:
    headers = {**signed(clock.now), **broken} if broken else {}
    assert turned(door, headers).kind in ("unsigned", "signature")


def test_a_skewed_clock_is_told_to_those_who_know_the_secret_alone(door: Door, clock: Clock) -> None:
    clock.now += 1000
    late = turned(door, signed(clock.now - 90))
    assert (late.kind, late.why) == ("clock", "Its time is 90 s behind here.")
    assert turned(door, signed(clock.now + 90)).why == "Its time is 90 s ahead of here."
    assert turned(door, signed(clock.now + 90, secret="x" * 32)).kind == "signature"
    assert door.judge("GET", "/health", signed(clock.now - 50))


def test_what_was_signed_before_the_node_began_stays_out(door: Door, clock: Clock) -> None:
    assert turned(door, signed(clock.now - 1)).why == "It was signed before this node started."


def test_a_nonce_is_remembered_for_as_long_as_it_could_be_played_again(door: Door, clock: Clock) -> None:
    headers = signed(clock.now + 59)
    door.judge("GET", "/health", headers)
    clock.now += 118  # its time is 59 s behind now: still valid
    assert turned(door, headers).kind == "replay"
    clock.now += 10
    assert turned(door, headers).kind == "clock"


def test_a_full_memory_lets_nobody_in_rather_than_forget(door: Door, clock: Clock) -> None:
    first = signed(clock.now)
    door.judge("GET", "/health", first)
    for number in range(MOST_NONCES - 1):
        door._nonces.add(str(number))
        door._order.append((clock.now, str(number)))
    assert turned(door, signed(clock.now)).kind == "crowded"
    assert turned(door, first).kind == "replay"
    clock.now += 121
    assert door.judge("GET", "/health", signed(clock.now))
