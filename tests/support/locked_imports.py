"""Import every module of some packages where nothing is to be had but what a lock file names.

python -m tests.support.locked_imports requirements/signaling.lock signaling shared
"""

import importlib
import importlib.metadata
import pkgutil
import re
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import NoReturn

ONLY_TO_INSTALL = {"pip", "setuptools", "wheel"}  # the images are without them


def canonical(name: str) -> str:
    """Return a project's name as all its spellings are (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: Path) -> dict[str, str]:
    """Return the projects of a lock file with their versions."""
    pins = re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", lock.read_text(), re.MULTILINE)
    return {canonical(name): version for name, version in pins}


class Absent(MetaPathFinder):
    """Modules that are installed here, and would not be there."""

    def __init__(self, there: set[str]) -> None:
        found = importlib.metadata.packages_distributions()
        self._modules = {name for name, owners in found.items() if not there & {canonical(owner) for owner in owners}}

    def find_spec(self, name: str, *_: object) -> None:
        """Refuse what is not there; leave the rest to others."""
        if name.partition(".")[0] in self._modules:
            self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        raise ModuleNotFoundError(f"No module named {name!r}, or it is not locked", name=name)


def main(lock: str, *packages: str) -> None:
    """Import them; the first that cannot be ends it with its error."""
    sys.meta_path.insert(0, Absent({*locked(Path(lock)), *map(canonical, packages)} - ONLY_TO_INSTALL))
    for name in packages:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            importlib.import_module(module.name)


if __name__ == "__main__":
    main(*sys.argv[1:])
