"""One HTTP service with a key: streamed POSTs, one retry where no connection was made, errors as one line.

Knows nothing of speech or chat. The key appears in no message, and of what the server says only its own
error line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from urllib.parse import urlsplit

import httpx2

CONNECT_S = 5.0
ANSWER_S = 30.0
"Longest silence of a server that answers: a chat model may think before its first word."
RETRY_AFTER_S = 0.2
LONGEST_ERROR_BODY = 65_536
LONGEST_SHOWN = 200
LONGEST_WAIT_S = 3600.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NO_ANSWER = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.RemoteProtocolError, httpx2.ReadError)
"What may pass when tried again: nobody listened yet, or a kept connection had been closed meanwhile."

MakeError = Callable[[str, bool, float | None], Exception]
"(message, retryable, retry_after_s) -> the error to raise."


def check_url(url: str, name: str) -> str:
    """`url` if it is one for HTTP; ValueError with one line that names the setting if not."""
    parts = urlsplit(url.strip())
    if parts.username is not None:
        raise ValueError(f"{name} must be a URL without a user name: the key has a setting of its own")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{name} must be a URL such as http://127.0.0.1:8000/v1, not {url!r}")
    return url.strip().rstrip("/")


class Service:
    """A server and one of its paths. `what`: its name in messages; `key_name`: the setting of its key."""

    def __init__(
        self, url: str, path: str, key: str | None, *, what: str, key_name: str, error: MakeError
    ) -> None:
        base = check_url(url, what)
        self._url = base if base.endswith(path) else base + path
        self._what = what
        self._key_name = key_name
        self._error = error
        host = urlsplit(base).hostname or ""
        self.host = host
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S),
            verify=base.startswith("https:"),  # a plain server needs no certificates: they take long to load
            trust_env=host not in _LOOPBACK,  # a proxy cannot reach this machine's own services
        )

    async def close(self) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def post(self, body: dict[str, Any]) -> AsyncIterator[httpx2.Response]:
        """The answer to `body` as JSON, its content still to come; leaving the block closes the stream."""
        response = await self._send(body)
        try:
            if response.status_code != 200:
                raise await self._refusal(response)
            yield response
        except httpx2.TimeoutException:
            raise self._error(f"{self._what} says nothing for {ANSWER_S:g} s", True, None) from None
        except httpx2.HTTPError as error:
            raise self._error(
                f"the connection to {self._what} broke off ({_said(error)})", True, None
            ) from None
        finally:
            await response.aclose()

    async def _send(self, body: dict[str, Any]) -> httpx2.Response:
        for is_last in (False, True):
            request = self._client.build_request("POST", self._url, json=body)
            try:
                return await self._client.send(request, stream=True)
            except _NO_ANSWER as error:
                if is_last:
                    raise self._error(self._unreachable(error), True, None) from None
                await asyncio.sleep(RETRY_AFTER_S)
            except httpx2.TimeoutException:
                raise self._error(f"{self._what} says nothing for {ANSWER_S:g} s", True, None) from None
            except httpx2.HTTPError as error:
                raise self._error(f"{self._what} cannot be asked ({_said(error)})", False, None) from None
        raise AssertionError("unreachable")

    def _unreachable(self, error: Exception) -> str:
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return f"no connection to {self._what} at {self._url} ({_said(error)}): does it run?"
        return f"{self._what} hangs up without an answer ({_said(error)})"

    async def _refusal(self, response: httpx2.Response) -> Exception:
        """What an answer other than 200 says."""
        status = response.status_code
        said = await _error_line(response)
        wait = _retry_after(response.headers.get("Retry-After"))
        if status in (401, 403):
            return self._error(
                f"{self._what} refuses the key ({status}{said}): set {self._key_name}", False, None
            )
        if status == 429:
            return self._error(f"{self._what} is asked too often (429{said}): wait a moment", True, wait)
        if 300 <= status < 400:
            target = response.headers.get("Location", "elsewhere")
            return self._error(
                f"{self._what} answers {status}, moved to {target!r}: set its URL to that", False, None
            )
        return self._error(f"{self._what} answers {status}{said}", status >= 500 or status == 408, wait)


def error_message(answer: object) -> str | None:
    """The line in an error body of the OpenAI protocol; None where there is none."""
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return one_line(message) if isinstance(message, str) and message.strip() else None


def one_line(text: str) -> str:
    """Somebody else's text, fit for a message: printable, on one line, not long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"


async def _error_line(response: httpx2.Response) -> str:
    """': what the server says' or nothing."""
    body = b""
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > LONGEST_ERROR_BODY:
                break
        message = error_message(json.loads(body))
    except (httpx2.HTTPError, ValueError):
        return ""
    return f": {message}" if message else ""


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, a number or a date."""
    if value is None:
        return None
    try:
        seconds = (
            float(value)
            if not value.strip()[:1].isalpha()
            else parsedate_to_datetime(value).timestamp() - time()
        )
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), LONGEST_WAIT_S) if seconds == seconds else None


def _said(error: Exception) -> str:
    return one_line(str(error)) or type(error).__name__
