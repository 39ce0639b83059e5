"""A small file that is read again when it has changed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

_log = structlog.get_logger(__name__)

_LOOK_EVERY = 5.0

T = TypeVar("T")


class ReloadedFile(Generic[T]):
    """What `read` makes of a file's text. Where that fails later, with `ValueError`, what there was stays."""

    def __init__(self, path: Path, read: Callable[[str], T]) -> None:
        self._path = path
        self._read = read
        self._changed_at = path.stat().st_mtime_ns
        self._value = read(path.read_text(encoding="utf-8"))
        self._looked_at = time.monotonic()

    def get(self) -> T:
        """Return what the file says, five seconds ago or later."""
        if time.monotonic() - self._looked_at >= _LOOK_EVERY:
            self._looked_at = time.monotonic()
            self._look()
        return self._value

    def _look(self) -> None:
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at == self._changed_at:
                return
            self._changed_at = changed_at
            self._value = self._read(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            _log.error("file not read anew", path=str(self._path), error=str(error))
        else:
            _log.info("file read anew", path=str(self._path))
