"""The native packet path; everything else about the package is in pyproject.toml."""

from pathlib import Path

from setuptools import Extension, setup

FOLDERS = (Path("native"), Path("native/python"))
ROOMS = sorted(path.as_posix() for folder in FOLDERS for path in folder.glob("*.c"))
HEADERS = sorted(path.as_posix() for folder in FOLDERS for path in folder.glob("*.h"))

setup(
    ext_modules=[
        Extension(
            "media_relay._native",
            ROOMS,
            depends=HEADERS,
            define_macros=[("_GNU_SOURCE", None)],
            extra_compile_args=["-std=c11", "-O2", "-Wall", "-Wextra", "-fno-strict-aliasing"],
            libraries=["dl", "pthread"],
            py_limited_api=True,
            optional=True,  # without a compiler the relay falls back to Python, and says so
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
