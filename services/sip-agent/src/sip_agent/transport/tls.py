"""What TLS needs (RFC 3261 §26.3.1, RFC 5922): our certificate, and whose we believe."""

import os
import ssl
from dataclasses import dataclass

from shared.errors import LocalError


@dataclass(frozen=True)
class TlsFiles:
    """Paths of PEM files, each "" where there is none.

    `ca` is believed in place of the system's authorities; with `client_ca`, whoever connects to us must show a
    certificate of it (mutual TLS). Our certificate is shown in both directions.
    """

    certificate: str = ""
    key: str = ""
    ca: str = ""
    client_ca: str = ""


class Tls:
    """The two contexts. Certificates that are renewed on disk count for new connections, see `refresh`."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._loaded_at = 0.0
        try:
            self.client = ssl.create_default_context(cafile=files.ca or None)
            self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            if files.client_ca:
                self.server.load_verify_locations(files.client_ca)
                self.server.verify_mode = ssl.CERT_REQUIRED
            self._load()
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise LocalError(f"TLS files cannot be used: {error}") from error
        for context in (self.client, self.server):
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        # The name is compared by `core.certificate`: what a certificate of SIP may say is another thing than of HTTP.
        self.client.check_hostname = False

    @property
    def has_certificate(self) -> bool:
        """Whether we can be a server."""
        return bool(self._files.certificate)

    def refresh(self) -> bool:
        """Read our certificate again if its file has changed; return whether it had."""
        if not self.has_certificate or self._changed_at() == self._loaded_at:
            return False
        self._load()
        return True

    def _changed_at(self) -> float:
        return os.stat(self._files.certificate).st_mtime

    def _load(self) -> None:
        if not self.has_certificate:
            return
        changed_at = self._changed_at()
        # Tried on a context that serves nobody: a certificate without its key, half of a renewal, would spoil the two.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.client, self.server):
            context.load_cert_chain(self._files.certificate, self._files.key or None)
        self._loaded_at = changed_at
