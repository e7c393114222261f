"""Signatures as wallets make them. The oracle is eth-account."""

from __future__ import annotations

import pytest

from services.relay.crypto.secret import Secret
from services.relay.crypto.wallet import (
    Ed25519Wallet,
    EthereumWallet,
    base58,
    same_address,
    signed_by_ed25519,
    signer_of,
)
from tests.support.wallet_oracle import Account, encode_defunct

KEYS = [bytes([number]) * 32 for number in (1, 7, 0x7F)]
TEXTS = ["Sign in", "", "häßliche 日本語 🎉", "0x48656c6c6f", "x" * 1_000, "feed.example wants you\n\nNonce: abc"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("text", TEXTS)
def test_signatures_and_addresses_are_those_of_another_library(key: bytes, text: str) -> None:
    wallet, account = EthereumWallet(Secret(key)), Account.from_key(key)
    signature = wallet.sign(text)
    assert wallet.address == account.address
    assert signature == bytes(account.sign_message(encode_defunct(text=text)).signature)
    assert signer_of(text, signature) == account.address


def test_the_length_counts_bytes_and_the_text_is_signed_not_its_hex() -> None:
    wallet = EthereumWallet(Secret(KEYS[0]))
    assert signer_of("é", wallet.sign("é")) == wallet.address
    assert Account.recover_message(encode_defunct(text="é"), signature=wallet.sign("é")) == wallet.address
    assert wallet.sign("hi") != wallet.sign(b"hi".hex())
    assert wallet.sign("hi") != wallet.sign("0x" + b"hi".hex())


@pytest.mark.parametrize("text", TEXTS)
def test_the_last_byte_counts_from_27_or_from_0_and_both_are_understood(text: str) -> None:
    high, low = EthereumWallet(Secret(KEYS[1])), EthereumWallet(Secret(KEYS[1]), recovery=0)
    assert high.sign(text)[64] in (27, 28)
    assert low.sign(text)[64] == high.sign(text)[64] - 27
    assert signer_of(text, low.sign(text)) == signer_of(text, high.sign(text)) == high.address


@pytest.mark.parametrize(
    "signature", [b"", bytes(64), bytes(65), bytes(64) + b"\x1b", bytes(64) + b"\x05", b"\xff" * 65]
)
def test_what_is_no_signature_is_an_error_and_no_address(signature: bytes) -> None:
    with pytest.raises(ValueError, match="signature"):
        signer_of("hi", signature)


def test_addresses_compare_without_their_checksum() -> None:
    address = EthereumWallet(Secret(KEYS[0])).address
    assert address != address.lower()
    assert same_address(address, address.lower())
    assert not same_address(address, EthereumWallet(Secret(KEYS[1])).address)


def test_ed25519_is_that_of_rfc_8032() -> None:
    # given the first test vector of RFC 8032, section 7.1
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    wallet = Ed25519Wallet(Secret(seed))
    assert wallet.address == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert wallet.sign("").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    public = bytes.fromhex(wallet.address)
    assert signed_by_ed25519(public, "hällo", wallet.sign("hällo"))
    assert not signed_by_ed25519(public, "hello", wallet.sign("hällo"))
    assert not signed_by_ed25519(public, "hello", b"short")


@pytest.mark.parametrize(
    ("data", "text"), [(b"Hello World!", "2NEpo7TZRRrLZSi2U"), (b"\x00\x00\x28\x7f\xb4\xcd", "11233QC4"), (b"", "")]
)
def test_base58_is_that_of_its_draft(data: bytes, text: str) -> None:
    assert base58(data) == text
