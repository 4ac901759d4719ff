"""The application: endpoints, pages and the guard around them. Starts nothing by itself."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from avatar_engine.drivers.live.service.http.guard import Guard, problem_headers
from avatar_engine.drivers.live.service.http.routes import Api
from avatar_engine.drivers.live.service.http.site import Site
from avatar_engine.drivers.live.service.metrics import Metrics
from avatar_engine.drivers.live.service.options import ServeOptions
from avatar_engine.drivers.live.service.problems import Code, Problem, problem_of
from avatar_engine.drivers.live.service.sessions import Sessions
from avatar_engine.errors import AvatarError

CODES: dict[int, Code] = {401: "unauthorized", 404: "not_found", 413: "too_large"}


def build_app(
    sessions: Sessions, options: ServeOptions, metrics: Metrics, site: Site | None = None
) -> ASGIApp:
    """What uvicorn runs; `sessions` is started and closed by whoever calls this."""
    routes = [*Api(sessions, options, metrics).routes(), *(site or Site()).routes()]
    # Starlette raises unexpected ones again after its answer: the guard logs them.
    handlers = {HTTPException: _in_our_shape, AvatarError: _problem, Exception: _problem}
    inner = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(inner, options, metrics)


async def _problem(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    return JSONResponse(problem.content(), problem.status, problem_headers(problem))


async def _in_our_shape(request: Request, error: Exception) -> Response:
    """What the router itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    message = "method not allowed here" if error.status_code == 405 else str(error.detail)
    problem = Problem(CODES.get(error.status_code, "bad_request"), message, status=error.status_code)
    return JSONResponse(
        problem.content(), problem.status, {**problem_headers(problem), **(error.headers or {})}
    )
