from __future__ import annotations

import base64
import re

from services.solo.simulator import identifiers


def test_a_did_is_stable_distinct_and_of_the_right_shape() -> None:
    dids = {identifiers.did(1, account) for account in range(500)}
    assert len(dids) == 500
    assert all(re.fullmatch(r"did:plc:[a-z2-7]{24}", did) for did in dids)
    assert identifiers.did(1, 3) == identifiers.did(1, 3) != identifiers.did(2, 3)


def test_tids_sort_by_time_and_hold_time_and_clock() -> None:
    tids = [identifiers.tid(time_us, 5) for time_us in (0, 1, 1_700_000_000_000_000, 1_700_000_000_000_001)]
    assert tids == sorted(tids)
    number = 0
    for character in identifiers.tid(1_700_000_000_123_456, 777):
        number = number * 32 + "234567abcdefghijklmnopqrstuvwxyz".index(character)
    assert (number >> 10, number & 1023) == (1_700_000_000_123_456, 777)


def test_a_cid_decodes_to_version_dag_cbor_and_a_sha256() -> None:
    for content in map(str, range(200)):
        cid = identifiers.cid(content)
        raw = base64.b32decode(cid[1:].upper() + "=" * (-len(cid[1:]) % 8))
        assert raw[:4] == b"\x01\x71\x12\x20"
        assert len(raw) == 36
        assert "b" + base64.b32encode(raw).decode().rstrip("=").lower() == cid, "padding bits must be zero"
