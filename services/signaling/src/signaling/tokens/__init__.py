"""JSON Web Tokens (RFC 7519), as RFC 8725 wants them checked: the pages' log-ins and the REST API use the same.

- `keys`: a secret, public keys or a key set, read; each with the algorithms that it may be used for
- `sources`: where the keys are: in a setting, in a file, at an issuer's address
- `verifier`: the checks themselves, and what is left of a token that passed them
"""

from .sources import source_of
from .verifier import Tokens, Verified

__all__ = ["Tokens", "Verified", "source_of"]
