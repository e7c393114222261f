"""Sealed frames: every layout and cipher, what must not open, and what must be noticed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

import pytest
from Crypto.Cipher import AES

from services.relay.crypto.cipher import TAG_BYTES, Unsealable, bytes_to_key, cipher
from services.relay.crypto.secret import Secret
from services.relay.sources.sealed.opener import IvReused, Opener
from services.relay.wires.sealed import Layout

KEY = Secret(bytes(range(32)))
IV = bytes(range(12))
EVENT = b'{"did":"did:plc:a","time_us":1}'


def opener(name: Any = "aes-256-gcm", key: Secret = KEY, **layout: Any) -> Opener:
    return Opener(cipher(name, key), Layout(**layout), watches_ivs=name == "aes-256-gcm")


@pytest.mark.parametrize("encoding", ["base64", "hex"])
@pytest.mark.parametrize("tag_bytes", [0, TAG_BYTES])
def test_the_tag_may_follow_the_ciphertext_or_stand_alone(encoding: Any, tag_bytes: int) -> None:
    sealed = cipher("aes-256-gcm", KEY).seal(IV, EVENT)
    frame = Layout(encoding=encoding).write(IV, sealed, tag_bytes)
    assert ("tag" in json.loads(frame)) == bool(tag_bytes)
    assert opener(encoding=encoding).open(frame) == EVENT


def test_fields_have_the_names_that_the_feed_gives_them() -> None:
    layout = {"iv": "n", "content": "data", "tag": "mac"}
    frame = Layout(**layout).write(IV, cipher("aes-256-gcm", KEY).seal(IV, EVENT), TAG_BYTES)
    assert set(json.loads(frame)) == {"n", "data", "mac"}
    assert opener(**layout).open(frame) == EVENT


def test_gcm_is_that_of_its_specification() -> None:
    # given test case 14 of McGrew and Viega, The Galois/Counter Mode of Operation
    sealed = bytes.fromhex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
    zero = Secret(bytes(32))
    assert cipher("aes-256-gcm", zero).seal(bytes(12), bytes(16)) == sealed
    assert opener(key=zero).open(Layout().write(bytes(12), sealed)) == bytes(16)


def test_cbc_is_that_of_its_specification() -> None:
    # given the first block of SP 800-38A, F.2.5
    key = Secret(bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"))
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    sealed = cipher("aes-256-cbc", key).seal(bytes(range(16)), plain)
    assert sealed[:16].hex() == "f58c4c04d6e5f1ba779eabfb5f7bfbd6"
    assert len(sealed) == 32  # a whole block of padding follows a whole block
    assert opener("aes-256-cbc", key).open(Layout().write(bytes(range(16)), sealed)) == plain


def test_a_cryptojs_text_key_means_salt_and_md5() -> None:
    # given OpenSSL's own derivation, spelt out
    salt, words = b"12345678", b"open sesame"
    first = hashlib.md5(words + salt).digest()  # noqa: S324 - what is tested
    second = hashlib.md5(first + words + salt).digest()  # noqa: S324
    third = hashlib.md5(second + words + salt).digest()  # noqa: S324
    assert bytes_to_key(Secret(words), salt) == (first + second, third)
    # then a frame as CryptoJS makes it, without an IV of its own, opens
    padded = EVENT + bytes([16 - len(EVENT) % 16]) * (16 - len(EVENT) % 16)
    content = AES.new(first + second, AES.MODE_CBC, iv=third).encrypt(padded)
    frame = json.dumps({"ct": base64.b64encode(b"Salted__" + salt + content).decode()}).encode()
    assert opener("cryptojs", Secret(words)).open(frame) == EVENT
    for wrong in (b"Unsalted" + salt + content, b"Salted__", b""):
        with pytest.raises(Unsealable):
            cipher("cryptojs", Secret(words)).open(b"", wrong)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
@pytest.mark.parametrize("name", ["aes-256-gcm", "aes-256-cbc"])
def test_a_key_of_another_length_is_no_key(size: int, name: Any) -> None:
    with pytest.raises(ValueError, match="not 32 bytes"):
        cipher(name, Secret(bytes(size)))


def broken() -> list[bytes]:
    whole = cipher("aes-256-gcm", KEY).seal(IV, EVENT)
    flipped = bytes([whole[0] ^ 1]) + whole[1:]
    layout = Layout()
    return [
        layout.write(IV, flipped),
        layout.write(IV, whole[:-1]),
        layout.write(IV, b""),
        layout.write(IV, whole[-8:]),
        layout.write(bytes(12), whole),
        layout.write(b"", whole),
        b"not json",
        b"[]",
        b'{"iv":"AAAA"}',
        b'{"iv":5,"ct":"AAAA"}',
        b'{"iv":"AAAA","ct":"***"}',
        b'{"iv":"AAAA","ct":null}',
    ]


@pytest.mark.parametrize("frame", broken())
def test_what_is_not_whole_does_not_open(frame: bytes) -> None:
    opens = opener()
    with pytest.raises(Unsealable):
        opens.open(frame)
    assert opens.failures == 1


def test_every_failure_of_cbc_is_the_same_failure() -> None:
    iv, told = bytes(16), set()
    opens = opener("aes-256-cbc")
    for content in [os.urandom(16) for _ in range(300)] + [os.urandom(15), b"", os.urandom(64)]:
        try:
            opens.open(Layout().write(iv, content))
        except Unsealable as error:
            told.add((type(error), str(error), error.__cause__, error.__suppress_context__))
    assert len(told) == 1


def test_an_iv_used_twice_is_noticed_and_a_repeated_frame_is_not_that() -> None:
    opens, layout, seals = opener(), Layout(), cipher("aes-256-gcm", KEY)
    frame = layout.write(IV, seals.seal(IV, EVENT))
    assert opens.open(frame) == opens.open(frame) == EVENT
    with pytest.raises(IvReused):
        opens.open(layout.write(IV, seals.seal(IV, EVENT.replace(b"1", b"2"))))
    assert opens.failures == 0
