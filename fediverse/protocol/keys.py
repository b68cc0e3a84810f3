"""RSA keys: the pairs we sign with and the public keys of others.

One algorithm for now: RSASSA-PKCS1-v1_5 with SHA-256, which is what `rsa-sha256` says and `hs2019` means in practice
(mastodon-compat §1.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from fediverse.protocol.errors import Reason, Unauthenticated

MIN_BITS = 2048
MAX_BITS = 8192  # beyond it a stranger buys too much of our time per request (must-survive A6)
OUR_BITS = 2048  # what every receiver takes
MAX_PEM = 4096  # characters; 8192 bits need about 1,500
MAX_EXPONENT = 1 << 32  # everybody uses 65537; one as long as the modulus makes a verification 50 times dearer


@dataclass(frozen=True, slots=True, eq=False)
class KeyPair:
    """A private key of ours with the names it is published under.

    Reading one from PEM checks its primes and costs some 34 ms during which no other Python thread runs; generating one
    costs about the same. Make each pair once and keep it for the life of the process.
    """

    key_id: str
    owner: str
    private: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def generate(cls, key_id: str, owner: str) -> KeyPair:
        """A new pair of 2048 bits."""
        return cls(key_id, owner, rsa.generate_private_key(public_exponent=65537, key_size=OUR_BITS))

    @classmethod
    def from_pem(cls, pem: str, key_id: str, owner: str) -> KeyPair:
        """Read an unencrypted private key (PKCS#8 or PKCS#1); dear, see above.

        Raises ValueError: a damaged key of our own is our fault, not that of whoever happens to be asking.
        """
        try:
            private = serialization.load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("the private key cannot be read") from None
        if not isinstance(private, rsa.RSAPrivateKey) or not MIN_BITS <= private.key_size <= MAX_BITS:
            raise ValueError("the private key is not RSA of 2048 to 8192 bits")
        return cls(key_id, owner, private)

    def private_pem(self) -> str:
        """The private key as unencrypted PKCS#8 PEM: seal it before it goes anywhere."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode("ascii")

    def public(self) -> PublicKey:
        """The public half, under the same names."""
        return PublicKey(self.key_id, self.owner, self.private.public_key())

    def public_pem(self) -> str:
        """The public half as SPKI PEM, the only form Lemmy's library reads (mastodon-compat §1.7)."""
        return self.public().pem()

    def sign(self, data: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 over `data`; as many bytes as the modulus has."""
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())


@dataclass(frozen=True, slots=True, eq=False)
class PublicKey:
    """A public key of somebody else, with the id it goes by and the actor it speaks for."""

    key_id: str
    owner: str
    public: rsa.RSAPublicKey = field(repr=False)

    @classmethod
    def from_pem(cls, pem: str, key_id: str, owner: str) -> PublicKey:
        """Read `publicKeyPem` as found in an actor: SPKI or PKCS#1.

        Raises Unauthenticated(KEY_UNSUITABLE) for anything but RSA of 2048 to 8192 bits with an ordinary exponent.
        """
        if len(pem) > MAX_PEM:
            raise Unauthenticated(Reason.KEY_UNSUITABLE)
        try:
            public = serialization.load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise Unauthenticated(Reason.KEY_UNSUITABLE) from None
        if not isinstance(public, rsa.RSAPublicKey) or not MIN_BITS <= public.key_size <= MAX_BITS:
            raise Unauthenticated(Reason.KEY_UNSUITABLE)
        exponent = public.public_numbers().e
        if exponent % 2 == 0 or not 3 <= exponent < MAX_EXPONENT:
            raise Unauthenticated(Reason.KEY_UNSUITABLE)
        return cls(key_id, owner, public)

    def pem(self) -> str:
        """The key as SPKI PEM."""
        return self.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode("ascii")

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` was made over `data` with the private half of this key."""
        try:
            self.public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True
