"""The phone page at `/`, the SDK at `/sdk/`: static files, never from a cache without asking, under a strict policy."""

from collections.abc import Mapping
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from shared.errors import LocalError

# A page may connect to any pod of any installation, and play its own media; everything else is its own.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "connect-src 'self' ws: wss:",
        "img-src 'self' data:",
        "media-src 'self' blob: mediastream:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
}
# The SDK is for pages of any origin; which of them may connect is asked at the socket.
SDK_HEADERS = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


class Pages(StaticFiles):
    """A folder with the headers that its pages need, and some more if there are any."""

    def __init__(self, directory: Path, more_headers: Mapping[str, str] | None = None) -> None:
        super().__init__(directory=directory, html=True)
        self._headers = {**_HEADERS, **(more_headers or {})}

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or 404."""
        response = await super().get_response(path, scope)
        response.headers.update(self._headers)
        return response


def find_web_root(setting: str) -> Path:
    """Return the folder of `phone` and `sdk`: the setting, or `web` in the checkout that this file is in."""
    if setting:
        root = Path(setting)
        if not root.is_dir():
            raise LocalError(f"CORDBOARD_SIGNALING_WEB_ROOT: {root} is no folder")
        return root
    for folder in Path(__file__).resolve().parents:
        if (folder / "web" / "phone").is_dir():
            return folder / "web"
    raise LocalError("CORDBOARD_SIGNALING_WEB_ROOT is needed: this is no source checkout")
