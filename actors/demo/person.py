"""Somebody on a recording server: an actor with a key of their own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CONTEXT = "https://www.w3.org/ns/activitystreams"
_KEYS = "https://w3id.org/security/v1"


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True, slots=True)
class Person:
    """`origin` is their server's, `shared_inbox` tells whether it has one."""

    name: str
    origin: str
    shared_inbox: bool
    private: rsa.RSAPrivateKey = field(default_factory=_new_key, repr=False)

    @property
    def id(self) -> str:
        return f"{self.origin}/users/{self.name}"

    @property
    def account(self) -> str:
        """`acct:name@host`, as WebFinger has it."""
        return f"acct:{self.name}@{self.origin.removeprefix('https://')}"

    @property
    def key_id(self) -> str:
        return f"{self.id}#main-key"

    def document(self) -> dict[str, Any]:
        """The actor document."""
        document: dict[str, Any] = {
            "@context": [CONTEXT, _KEYS],
            "id": self.id,
            "type": "Person",
            "preferredUsername": self.name,
            "inbox": f"{self.id}/inbox",
            "outbox": f"{self.id}/outbox",
            "followers": f"{self.id}/followers",
            "publicKey": {"id": self.key_id, "owner": self.id, "publicKeyPem": self._public_pem()},
        }
        if self.shared_inbox:
            document["endpoints"] = {"sharedInbox": f"{self.origin}/inbox"}
        return document

    def webfinger(self) -> dict[str, Any]:
        """What WebFinger answers for this account."""
        link = {"rel": "self", "type": "application/activity+json", "href": self.id}
        return {"subject": self.account, "links": [link]}

    def activity(self, kind: str, obj: str) -> dict[str, Any]:
        """A new activity of theirs."""
        return {
            "@context": CONTEXT,
            "id": f"{self.origin}/{uuid.uuid4()}",
            "type": kind,
            "actor": self.id,
            "object": obj,
        }

    def _public_pem(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
