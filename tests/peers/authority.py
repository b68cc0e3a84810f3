"""A certificate authority that only the tests believe, and the broken certificates it can be asked for.

authority = Authority(folder)
authority.ca_file                                  # what CLARION_CA_FILE points to
authority.server_context("peer1.test")             # a TLS server that is what it says
authority.server_context("peer1.test", expired=True)
Authority(other_folder).server_context("peer1.test")   # issued by somebody nobody knows
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import trustme


class Authority:
    """One certificate authority; its certificate lies in `ca_file` (PEM)."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.ca_file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def server_context(self, name: str, *, expired: bool = False) -> ssl.SSLContext:
        """A TLS server context with a certificate for `name`; `expired` ended in 2001."""
        if not expired and name in self._contexts:
            return self._contexts[name]
        ended = datetime(2001, 1, 1, tzinfo=UTC) if expired else None
        began = datetime(2000, 1, 1, tzinfo=UTC) if expired else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(name, not_before=began, not_after=ended).configure_cert(context)
        if not expired:
            self._contexts[name] = context
        return context

    def write_certificate(self, name: str, folder: Path) -> tuple[Path, Path]:
        """A certificate for `name` as files (chain, private key), for servers that want paths."""
        issued = self._ca.issue_cert(name)
        chain, private = folder / f"{name}.pem", folder / f"{name}.key"
        chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        private.write_bytes(issued.private_key_pem.bytes())
        return chain, private

    def client_context(self) -> ssl.SSLContext:
        """A TLS client context that believes this authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.ca_file))
