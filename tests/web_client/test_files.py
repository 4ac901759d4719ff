"""What the folder holds, seen without a browser: nothing missing, foreign, inline or left out of wheels."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import web_client

FOLDER = web_client.path()
SCRIPTS = sorted(FOLDER.rglob("*.js"))
HTML = (FOLDER / "index.html").read_text(encoding="utf-8")
ALLOWED = ("http://www.w3.org/",)
"The name of SVG, never fetched."


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_imports_are_relative_and_there(script: Path) -> None:
    code = script.read_text(encoding="utf-8")
    for name in re.findall(r'^(?:import|export)\b[^;"]*"([^"]+)";', code, re.M):
        assert name.startswith("."), name
        assert (script.parent / name).is_file(), name
    for name in re.findall(r'new URL\("([^"]+)", import\.meta\.url\)', code):
        assert (script.parent / name).is_file(), name


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_modules_are_typed_and_short(script: Path) -> None:
    code = script.read_text(encoding="utf-8")
    assert code.startswith("// @ts-check\n") and code.count("\n") <= 400


def test_no_other_host_is_named() -> None:
    for path in [*SCRIPTS, *FOLDER.rglob("*.css"), *FOLDER.rglob("*.html"), *FOLDER.rglob("*.svg")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.lstrip().startswith(("*", "//", "/*")):
                continue  # an example in a comment
            for address in re.findall(r"https?://[\w.-]+[^\s\"'`)]*", line):
                assert address.startswith(ALLOWED), f"{path.name}: {address}"


def test_nothing_inline_that_a_strict_policy_forbids() -> None:
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", HTML)
    template = (FOLDER / "lib" / "template.js").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=", template)


def test_every_file_of_the_page_is_there() -> None:
    for name in re.findall(r'(?:src|href)="([\w/.-]+\.\w+)"', HTML):
        assert (FOLDER / name).is_file(), name
    assert (FOLDER / "poster.jpg").stat().st_size <= 40_000


def test_the_wheel_takes_every_file() -> None:
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "setuptools"
    ]
    assert any(fnmatch("web_client", pattern) for pattern in project["packages"]["find"]["include"])
    patterns = project["package-data"]["web_client"]
    for path in FOLDER.rglob("*"):
        name = path.relative_to(FOLDER).as_posix()
        if path.is_file() and path.suffix not in (".py", ".pyc", ".typed", ".md"):
            folder = path.relative_to(FOLDER).parent.as_posix()
            assert any(fnmatch(name, p) and folder == str(Path(p).parent) for p in patterns), name
