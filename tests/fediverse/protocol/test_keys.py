from __future__ import annotations

import base64
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from fediverse.protocol.errors import Reason, Unauthenticated
from fediverse.protocol.keys import KeyPair, PublicKey
from tests import vectors

PUBLISHED = vectors.load("standards")["keys"]
KEY_ID, OWNER = "https://fund.example/actor#main-key", "https://fund.example/actor"
PAIR = KeyPair.from_pem(PUBLISHED["test-key-rsa"]["private_pem"], KEY_ID, OWNER)


def spki_of(modulus_bits: int, exponent: int = 65537) -> str:
    """A public key with a modulus of that length; nobody knows its factors, and nobody has to."""
    numbers = rsa.RSAPublicNumbers(exponent, (1 << (modulus_bits - 1)) | 1)
    return (
        numbers.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def refusal(pem: str) -> Reason:
    with pytest.raises(Unauthenticated) as refused:
        PublicKey.from_pem(pem, KEY_ID, OWNER)
    return refused.value.reason


def test_a_pair_signs_what_its_public_half_verifies_and_nothing_else() -> None:
    public = PublicKey.from_pem(PAIR.public_pem(), KEY_ID, OWNER)
    signature = PAIR.sign(b"appeal")
    assert public.verify(signature, b"appeal")
    assert not public.verify(signature, b"appeal.")
    assert not public.verify(signature[:-1], b"appeal")
    assert not public.verify(b"", b"appeal")


def test_a_generated_pair_comes_back_from_its_own_pem() -> None:
    made = KeyPair.generate(KEY_ID, OWNER)
    again = KeyPair.from_pem(made.private_pem(), KEY_ID, OWNER)
    assert again.public_pem() == made.public_pem()
    assert made.public_pem().startswith("-----BEGIN PUBLIC KEY-----\n")
    assert made.private.key_size == 2048
    assert made.private_pem().startswith("-----BEGIN PRIVATE KEY-----\n")


def test_a_public_key_is_read_from_both_pem_forms_and_written_as_spki() -> None:
    from_pkcs1 = PublicKey.from_pem(PUBLISHED["test-key-rsa"]["public_pem"], KEY_ID, OWNER)
    assert from_pkcs1.pem() == PAIR.public_pem()
    assert (from_pkcs1.key_id, from_pkcs1.owner) == (KEY_ID, OWNER)


def test_a_pair_does_not_print_its_private_key() -> None:
    assert "RSAPrivateKey" not in repr(PAIR)


@pytest.mark.parametrize("bits", [2048, 3072, 4096, 8192])
def test_public_keys_of_2048_to_8192_bits_are_taken(bits: int) -> None:
    assert PublicKey.from_pem(spki_of(bits), KEY_ID, OWNER).public.key_size == bits


@pytest.mark.parametrize("bits", [1024, 2047, 8193, 16384])
def test_a6_a_key_too_short_or_too_long_is_refused(bits: int) -> None:
    assert refusal(spki_of(bits)) is Reason.KEY_UNSUITABLE


def test_a6_a_key_with_a_huge_exponent_is_refused() -> None:
    assert refusal(spki_of(2048, exponent=(1 << 2000) | 1)) is Reason.KEY_UNSUITABLE


@pytest.mark.parametrize("name", ["cavage-test-rsa-1024", "test-key-ecc-p256", "test-key-ed25519"])
def test_a6_a_key_of_another_kind_or_strength_is_refused(name: str) -> None:
    assert refusal(PUBLISHED[name]["public_pem"]) is Reason.KEY_UNSUITABLE


def test_a6_an_ed25519_key_of_the_wrong_length_is_refused() -> None:
    short = bytes.fromhex("302906032b6570032000") + bytes(31)
    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(short).decode()}\n-----END PUBLIC KEY-----\n"
    assert refusal(pem) is Reason.KEY_UNSUITABLE


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no key",
        "\ud800",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        PUBLISHED["test-key-rsa"]["private_pem"],
        PAIR.public_pem() + " " * 10_000,
    ],
)
def test_a_pem_that_holds_no_public_key_is_refused(pem: str) -> None:
    assert refusal(pem) is Reason.KEY_UNSUITABLE


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda der: base64.b64encode(der).decode()))
def test_no_pem_makes_another_error_than_the_typed_one(inside: str) -> None:
    assert refusal(f"-----BEGIN PUBLIC KEY-----\n{inside}\n-----END PUBLIC KEY-----\n") is Reason.KEY_UNSUITABLE


@pytest.mark.parametrize("pem", ["", "no key", PAIR.public_pem(), PUBLISHED["test-key-ed25519"]["private_pem"]])
def test_a_damaged_private_key_of_ours_is_our_own_error(pem: str) -> None:
    with pytest.raises(ValueError, match="the private key"):
        KeyPair.from_pem(pem, KEY_ID, OWNER)


def test_a6_refusing_a_key_takes_no_time() -> None:
    pems = [spki_of(16384), PUBLISHED["test-key-ed25519"]["public_pem"], "x" * 1_000_000]
    began = time.process_time()
    for pem in pems:
        refusal(pem)
    assert time.process_time() - began < 3 * 0.005 * 10  # 5 ms each, tenfold for a busy machine


def test_a6_verifying_with_the_longest_key_takes_no_time() -> None:
    key = PublicKey.from_pem(spki_of(8192, exponent=(1 << 32) - 1), KEY_ID, OWNER)
    began = time.process_time()
    assert not key.verify(bytes(1024), b"appeal")
    assert time.process_time() - began < 0.005 * 10
