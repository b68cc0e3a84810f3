"""The recording servers' own signatures: they believe what the service signs, and nothing that was touched."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import actors.demo
from actors.demo import httpsig
from actors.demo.httpsig import Message, NotProven
from fediverse.protocol import signatures
from fediverse.protocol.keys import KeyPair, PublicKey
from fediverse.protocol.messages import Request

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOST = "mastodon.demo.test:4711"
KEY_ID = "https://clarion.demo.test/actors/1#main-key"
BODY = b'{"type":"Create"}'

Change = Callable[[Message], Message]


@cache
def key() -> KeyPair:
    return KeyPair.generate(KEY_ID, KEY_ID.partition("#")[0])


def from_the_service(body: bytes = BODY) -> Message:
    """A POST as the service signs it."""
    headers = (("host", HOST), ("content-type", "application/activity+json"))
    signed = signatures.sign(Request("POST", "/inbox", headers, body), key(), NOW)
    return Message(signed.method, signed.target, signed.headers, signed.body)


def believe(message: Message, now: datetime = NOW) -> None:
    claim = httpsig.read(message)
    httpsig.check(claim, message, HOST, now)
    httpsig.prove(claim, message, key().public_pem())


def with_header(name: str, value: str) -> Change:
    return lambda it: replace(it, headers=tuple((n, value if n == name else v) for n, v in it.headers))


def without_cover(component: str) -> Change:
    def change(it: Message) -> Message:
        value = it.one("signature").replace(f" {component}", "").replace(f'"{component} ', '"')
        return with_header("signature", value)(it)

    return change


def test_what_the_service_signs_is_believed() -> None:
    believe(from_the_service())


def test_a_get_that_the_service_signs_is_believed() -> None:
    signed = signatures.sign(Request("GET", "/users/a?b=c", (("host", HOST),), b""), key(), NOW)
    believe(Message(signed.method, signed.target, signed.headers))


def test_what_a_person_signs_is_believed_by_the_service() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()
    headers = httpsig.sign(private, KEY_ID, "POST", f"https://{HOST}/inbox", body=BODY, now=NOW)
    request = Request("POST", "/inbox", tuple(headers.items()), BODY)
    presented = signatures.read(request)
    signatures.check(presented, request, NOW)
    owner = KEY_ID.partition("#")[0]
    assert signatures.verify(presented, request, PublicKey.from_pem(pem, KEY_ID, owner)).owner == owner


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda it: replace(it, body=it.body + b" "), "the digest is that of another body"),
        (lambda it: replace(it, target="/users/mina/inbox"), "not made over this request"),
        (lambda it: replace(it, headers=tuple(h for h in it.headers if h[0] != "signature")), "0 times"),
        (lambda it: replace(it, headers=(*it.headers, it.headers[-1])), "2 times"),
        (lambda it: replace(it, headers=(*it.headers, ("date", "x"))), "2 times"),
        (with_header("host", "other.demo.test"), "another host"),
        (with_header("date", "yesterday"), "cannot be read"),
        (with_header("date", "Sun, 22 Nov 2026 12:00:01 GMT"), "not made over this request"),
        (with_header("content-type", "application/ld+json"), "not made over this request"),
        (without_cover("digest"), "not signed: digest"),
        (without_cover("date"), "not signed: date"),
        (without_cover("host"), "not signed: host"),
        (without_cover("(request-target)"), "not signed: (request-target)"),
        (with_header("signature", 'keyId="a",headers="date",signature="YQ=="'), "nothing of algorithm"),
        (with_header("signature", 'keyId="a",keyId="b",algorithm="rsa-sha256"'), "twice"),
        (with_header("signature", 'keyId="a",algorithm="none",headers="date",signature="YQ=="'), "not one of"),
        (with_header("signature", 'keyId="a",algorithm="hs2019",headers="date",signature="!"'), "not base64"),
    ],
)
def test_a_request_that_was_touched_or_proves_too_little_is_refused(change: Change, why: str) -> None:
    with pytest.raises(NotProven) as refusal:
        believe(change(from_the_service()))
    assert why in str(refusal.value)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_date_more_than_five_minutes_off_is_refused(seconds: int) -> None:
    with pytest.raises(NotProven, match="300 seconds"):
        believe(from_the_service(), NOW + timedelta(seconds=seconds))


def test_somebody_elses_key_proves_nothing() -> None:
    message = from_the_service()
    other = KeyPair.generate(KEY_ID, "https://clarion.demo.test/actors/1")
    with pytest.raises(NotProven, match="with this key"):
        httpsig.prove(httpsig.read(message), message, other.public_pem())


@pytest.mark.parametrize("pem", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_proves_nothing(pem: str) -> None:
    message = from_the_service()
    with pytest.raises(NotProven, match="cannot be read"):
        httpsig.prove(httpsig.read(message), message, pem)


def test_the_recording_servers_use_none_of_the_code_they_judge() -> None:
    servers = ("httpsig", "timelines", "neighbour", "person", "verdict")
    folder = Path(actors.demo.__file__).parent
    for name in servers:
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("fediverse"), f"{name} imports {node.module}"
            if isinstance(node, ast.Import):
                assert not any(each.name.startswith("fediverse") for each in node.names), name
