"""The pages: the demo page at / from web_client/, the documentation at /docs. Everything from this server."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from avatar_engine.drivers.live.service.problems import Problem, quote

WEB_CLIENT = Path(__file__).parents[5] / "web_client"
DOCS = Path(__file__).parent / "docs"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".txt": "text/plain; charset=utf-8",
}
"Of what is served; a file with another ending is not. Our own table: the system's differ."
HOST = re.compile(r"[A-Za-z0-9.\[\]:_-]{1,255}")


class Site:
    """Files of two folders, read when asked for and checked by their tag."""

    def __init__(self, web_client: Path = WEB_CLIENT) -> None:
        self._web_client = web_client

    def routes(self) -> list[BaseRoute]:
        """Behind all others: the last one takes every path."""
        return [
            Route("/docs", self.docs, methods=["GET"]),
            Route("/docs/{name}", self.docs, methods=["GET"]),
            Route("/{path:path}", self.page, methods=["GET"]),
        ]

    async def page(self, request: Request) -> Response:
        """GET / and what it loads."""
        return _file(request, self._web_client, request.path_params["path"] or "index.html")

    async def docs(self, request: Request) -> Response:
        """GET /docs and what it loads."""
        return _file(request, DOCS, request.path_params.get("name", "index.html"))


def _file(request: Request, folder: Path, name: str) -> Response:
    path = PurePosixPath(name)
    kind = MEDIA_TYPES.get(path.suffix.lower())
    parts = path.parts
    is_plain = name.isprintable() and "\\" not in name and not path.is_absolute() and len(name) < 256
    if kind is None or not is_plain or any(part.startswith(".") for part in parts):
        raise _missing(name)
    file = folder.joinpath(*parts)
    try:
        if not file.resolve().is_relative_to(folder.resolve()):
            raise _missing(name)
        content = file.read_bytes()
    except (OSError, ValueError):
        raise _missing(name) from None
    tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    headers = {
        "etag": tag,
        "cache-control": "no-cache",
        "content-security-policy": policy(request),
        # A page elsewhere that embeds the avatar loads its modules from here; they are no secret.
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers={**headers, "content-type": kind})


def policy(request: Request) -> str:
    """What a page may load: from here and nowhere else."""
    host = request.headers.get("host", "")
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            f"connect-src 'self'{sockets}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        ]
    )


def _missing(name: str) -> Problem:
    return Problem("not_found", f"there is no {quote('/' + name)} here; the demo page is at /")
