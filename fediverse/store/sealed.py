"""What may not be readable on disk: keyed hashes to find things, and sealed values to read them again.

Both keys are derived from one sealing key that is kept outside the database (product.md's rule: nothing to seize).
Whoever has the database alone can neither list followers nor test a guess.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES = 32
_NONCE = 12


class WrongKey(Exception):
    """A sealed value was made under another sealing key, or changed since."""


class Sealer:
    """Hashes and seals under one 32-byte secret."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"the sealing key has {SECRET_BYTES} bytes")
        self._hash_key = _derive(secret, b"clarion hash 1")
        self._cipher = ChaCha20Poly1305(_derive(secret, b"clarion seal 1"))

    def hash(self, purpose: str, *values: str) -> str:
        """A keyed hash, 64 hex digits; `purpose` keeps the same value unlinkable between tables."""
        text = "\x00".join((purpose, *values))
        return hmac.new(self._hash_key, text.encode(), hashlib.sha256).hexdigest()

    def seal(self, purpose: str, value: str) -> bytes:
        """Encrypt `value`; the same value never gives the same bytes twice."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value.encode(), purpose.encode())

    def unseal(self, purpose: str, sealed: bytes) -> str:
        """The value sealed for this purpose. Raises WrongKey."""
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
        except InvalidTag as error:
            raise WrongKey("sealed under another key") from error
        return plain.decode()


def _derive(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(secret)
