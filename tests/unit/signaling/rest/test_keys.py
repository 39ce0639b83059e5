"""The file of API keys, and what is made of an `Authorization` header."""

import base64
import hashlib
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from shared.errors import LocalError
from signaling.core.errors import PageError
from signaling.rest.authorization import Authorizer
from signaling.rest.keys import Keys
from signaling.rest.principal import Principal

KEY = "k" * 40


def file(folder: Path, text: str) -> str:
    path = folder / "keys.toml"
    path.write_text(text)
    return str(path)


def entry(key: str = KEY, scopes: str = '"calls:read"') -> str:
    return f'[billing]\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\nscopes = [{scopes}]\n'


def asking(header: str) -> Headers:
    return Headers({"Authorization": header})


async def test_a_key_is_known_by_its_hash(tmp_path: Path) -> None:
    authorizer = Authorizer(Keys.read(file(tmp_path, entry())), None)
    expected = Principal("billing", frozenset({"calls:read"}))
    assert await authorizer.authorize(asking(f"Bearer {KEY}")) == expected
    assert await authorizer.authorize(asking(f"Basic {base64.b64encode(f'any:{KEY}'.encode()).decode()}")) == expected


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", f"Digest {KEY}", "Basic !!!", "Basic /w==", "Bearer a.b.c"]
)
async def test_who_has_no_key_is_not_known(tmp_path: Path, header: str) -> None:
    authorizer = Authorizer(Keys.read(file(tmp_path, entry())), None)
    with pytest.raises(PageError) as raised:
        await authorizer.authorize(asking(header))
    assert raised.value.status == 401


async def test_a_short_key_is_none_even_if_its_hash_is_there(tmp_path: Path) -> None:
    assert Keys.read(file(tmp_path, entry("short"))).find("short") is None


@pytest.mark.parametrize(
    "text",
    ["", "[a]\nscopes = []\n", entry(scopes='"everything"'), "[a]\nsha256 = 'x'\nscopes = []\n", "not toml", "\ud800"],
)
def test_a_file_that_is_wrong_is_said_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(LocalError, match="REST_KEYS"):
        Keys.read(str(path))


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="REST_KEYS"):
        Keys.read(str(tmp_path / "none"))
