"""The relay as a wheel: what it is installed from where there is no checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "services" / "media-relay"
# What a relay does first: it loads the forwarder that its settings name.
LOAD = "from media_relay import _native; print(_native.__file__)"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a copy: a build leaves files beside its source."""
    folder = tmp_path_factory.mktemp("wheel")
    made = shutil.ignore_patterns("build", "*.so", "*.egg-info", "__pycache__")
    source = shutil.copytree(PACKAGE, folder / "source", ignore=made)
    command = ["pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_is_for_every_python_from_the_oldest_on(wheel: Path) -> None:
    assert wheel.name.split("-")[2:4] == ["cp311", "abi3"]


def test_the_wheel_has_the_native_part_and_the_whole_package(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if name.startswith("media_relay/")}
        archive.extractall(tmp_path)
    root = PACKAGE / "src"
    sources = (path for path in root.rglob("*") if path.suffix in (".py", ".pyi") or path.name == "py.typed")
    assert inside == {path.relative_to(root).as_posix() for path in sources} | {"media_relay/_native.abi3.so"}
    command = [sys.executable, "-c", LOAD]
    done = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(tmp_path / "media_relay" / "_native.abi3.so"), done.stderr
