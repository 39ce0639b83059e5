"""The protocol of Flashphoner's WCS, as its unmodified SDK 2.0 speaks it, translated to our own and back.

No word of it stands outside this package. What it cannot say is left out: a second description of a call, an offer of
the page in mid-call, a call that is taken up by another socket.

- `wire`: texts to messages and back
- `account`: `connection` to a log-in or a resume
- `call`: what the page knows of a call
- `dialect`: the translation, one for each socket
- `rest`: that of the bodies of WCS's REST API
"""

from .dialect import Wcs
from .wire import is_wcs

__all__ = ["Wcs", "is_wcs"]
