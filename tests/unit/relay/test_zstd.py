"""Dictionaries and compressed frames, whatever the bytes are."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.sources.zstd import LEGACY_ID, Dictionary, Unpacker, Unusable, dictionary_from
from shared.errors import InputError
from tests.support import zstd as made

LIMIT = 10_000


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return dictionary_from(made.dictionary(77))


def refused(unpacker: Unpacker, data: bytes) -> Unusable:
    with pytest.raises(Unusable) as caught:
        unpacker.unpack(data)
    return caught.value


def test_a_trained_dictionary_is_known_by_its_id_and_unpacks(dictionary: Dictionary) -> None:
    assert dictionary.id == 77
    unpacker = Unpacker(dictionary, LIMIT)
    for text in (b"", b'{"did":"did:plc:x"}', b"x" * LIMIT):
        assert unpacker.unpack(made.pack(dictionary.data, text)) == text
    assert unpacker.unpacked == 3


@pytest.mark.parametrize("data", [b"", b"short", b"not a dictionary at all", b"\x37\xa4\x30\xec\x05\x00\x00\x00junk"])
def test_what_is_no_dictionary_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="dictionary"):
        dictionary_from(data)


def test_a_dictionary_is_held_to_its_size_and_hash(dictionary: Dictionary) -> None:
    with pytest.raises(InputError, match="larger"):
        dictionary_from(dictionary.data + bytes(1 << 20))
    with pytest.raises(InputError, match="expected was abc"):
        dictionary_from(dictionary.data, "abc")
    # and who names itself the well-known one must be it
    with pytest.raises(InputError, match="not the right one"):
        dictionary_from(made.dictionary(LEGACY_ID))


def test_a_frame_of_another_dictionary_says_so(dictionary: Dictionary) -> None:
    error = refused(Unpacker(dictionary, LIMIT), made.pack(made.dictionary(78), b"text"))
    assert error.foreign
    assert "78" in str(error)


def test_a_bomb_never_unpacks_beyond_the_limit(dictionary: Dictionary) -> None:
    unpacker = Unpacker(dictionary, LIMIT)
    assert refused(unpacker, made.pack(dictionary.data, bytes(50_000_000))).oversize
    assert refused(unpacker, made.pack(dictionary.data, b"x" * (LIMIT + 1))).oversize
    # one that does not say how large it is, and one that asks for a window of 128 MB
    assert not refused(unpacker, made.pack(dictionary.data, bytes(50_000_000), size=False)).foreign
    assert refused(unpacker, made.pack(dictionary.data, bytes(200_000_000), size=False, window=27)).oversize


def test_a_frame_that_is_cut_damaged_or_followed_by_more_is_refused(dictionary: Dictionary) -> None:
    unpacker, whole = Unpacker(dictionary, LIMIT), made.pack(dictionary.data, b"abcdefgh" * 50)
    for cut in range(len(whole)):
        refused(unpacker, whole[:cut])
    refused(unpacker, whole + whole)
    refused(unpacker, whole[:-1] + bytes([whole[-1] ^ 1]))
    assert unpacker.unpacked == 0


@given(data=st.binary(max_size=200))
def test_no_bytes_ever_raise_anything_else(dictionary: Dictionary, data: bytes) -> None:
    with contextlib.suppress(Unusable):
        assert len(Unpacker(dictionary, 1_000).unpack(data)) <= 1_000
