"""Every request is counted: by its route, which has few values, not by its path, which has many."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import metrics


class Counted:
    """The outermost middleware of an application that is mounted at `path`."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count its response."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "/…")  # none: it was refused before, or there is none
                metrics.REST.labels(scope["method"], self._path + route, message["status"]).inc()
            await send(message)

        await self._app(scope, receive, sent)
