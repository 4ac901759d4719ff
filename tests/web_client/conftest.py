"""Chromium, and a server that speaks the live contract (tests/support/live_fake.py), once for all tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.chromium import FLAGS, SOUND_AT_ONCE

ROOT = Path(__file__).parents[2]


def missing(what: str) -> None:
    """No browser: a failure where CI=true, elsewhere a skip that says so."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} and CI=true: browser tests must run here")
    pytest.skip(f"NO BROWSER TESTS: {what}")


class FakeServer:
    """The server process and its /fake switchboard."""

    def __init__(self, url: str) -> None:
        self.url = url

    def set(self, **behaviour: Any) -> dict[str, Any]:
        """Sets what the server does next; returns its counters."""
        body = json.dumps(behaviour).encode() if behaviour else None
        request = urllib.request.Request(f"{self.url}/fake", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            counters: dict[str, Any] = json.load(answer)
            return counters

    def reset(self) -> None:
        self.set(key="", full_s=0, voice=True, chat=True, media=True, frames=True, status=0, drop=1000)


@pytest.fixture(scope="session")
def live_fake() -> Iterator[FakeServer]:
    command = [sys.executable, "-m", "tests.support.live_fake"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), "the fake server did not start"
        yield FakeServer(url)
        process.terminate()


@pytest.fixture
def server(live_fake: FakeServer) -> Iterator[FakeServer]:
    yield live_fake
    live_fake.reset()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("Playwright is not installed (pip install -e '.[dev]')")
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def launch(playwright: Any) -> Callable[..., Any]:
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        missing("no Chromium (make browser)")

    def start(*flags: str) -> Any:
        return playwright.chromium.launch(
            executable_path=path, args=["--headless", "--use-fake-device-for-media-stream", *FLAGS, *flags]
        )

    return start


@pytest.fixture(scope="session")
def chromium(launch: Callable[..., Any]) -> Iterator[Any]:
    browser = launch(SOUND_AT_ONCE)
    yield browser
    browser.close()


class Visit:
    """One page and what happened on it."""

    def __init__(self, page: Any, server: FakeServer) -> None:
        self.page, self.server = page, server
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._listeners = {
            "console": lambda line: line.type in ("error", "warning") and self.complaints.append(line.text),
            "pageerror": lambda error: self.complaints.append(str(error)),
            "request": lambda request: self.requests.append(request.url),
            "websocket": lambda socket: self.requests.append(socket.url),
        }
        for event, listener in self._listeners.items():
            page.on(event, listener)

    def leave(self) -> None:
        """The page is left as it was found; what it still says belongs to nobody."""
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)
        self.page.goto(f"{self.server.url}/favicon.svg")

    def bare(self, attributes: str = "autoplay controls captions") -> Visit:
        """A page with nothing but the element and a recorder of its events."""
        self.page.goto(
            f"{self.server.url}/bare?{urllib.parse.quote(attributes)}", wait_until="domcontentloaded"
        )
        return self

    def until(self, expression: str, seconds: float = 15.0) -> Any:
        """Waits for a true value (Playwright's own waiting needs eval, which the content policy forbids)."""
        end = time.monotonic() + seconds
        while True:
            value = self.page.evaluate(f"() => {{ {SHORT} return ({expression}); }}")
            if value:
                return value
            if time.monotonic() > end:
                seen = self.page.evaluate("() => JSON.stringify(window.seen ?? [])")
                raise AssertionError(f"never true: {expression}; complaints {self.complaints}; events {seen}")
            self.page.wait_for_timeout(30)

    def run(self, code: str) -> Any:
        """Value of an asynchronous function's body; `avatar` is the element, `root` its inside."""
        return self.page.evaluate(f"async () => {{ {SHORT} {code} }}")

    def live(self) -> Visit:
        self.until("avatar.connected && root.querySelector('.frame').classList.contains('live')")
        return self

    def event(self, kind: str, more: str = "true") -> Any:
        """The first event of a kind for which `more` (about `e`) holds."""
        return self.until(f"window.seen.find((e) => e.type === '{kind}' && ({more}))")

    def text(self, selector: str) -> str:
        return str(self.run(f"return root.querySelector('{selector}').textContent"))


SHORT = "const avatar = document.querySelector('talking-avatar'); const root = avatar?.shadowRoot;"


@pytest.fixture(scope="session")
def one_page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(one_page: Any, server: FakeServer) -> Iterator[Visit]:
    """The page that tests share, one after the other: a new browser process for each would cost a second."""
    visit = Visit(one_page, server)
    yield visit
    visit.leave()


@pytest.fixture
def fresh(chromium: Any, server: FakeServer) -> Iterator[Visit]:
    """A browser profile of its own, for whoever changes permissions, clocks or what scripts find."""
    context = chromium.new_context()
    yield Visit(context.new_page(), server)
    context.close()
