"""The OpenAPI document, written by hand: twelve paths, one error shape, the WebSocket's messages beside."""

from __future__ import annotations

from typing import Any

from avatar_engine import __version__
from avatar_engine.config import LARGEST_SEED
from avatar_engine.drivers.live.interface import Engine
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.problems import CODES
from avatar_engine.drivers.live.service.socket.messages import EVENTS, KINDS
from avatar_engine.names import EMOTION_NAMES


def _in_path(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": description}


SESSION = _in_path("session", "session_id of POST /v1/sessions")
VIEWER = _in_path("viewer", "from the Location of POST …/whep")
AVATAR = _in_path("avatar", "a name that /v1/info lists")
JSON = "application/json"
EMOTION_PATTERN = rf"^({'|'.join(EMOTION_NAMES)})(:(0(\.[0-9]{{1,9}})?|1))?$"
BY_TOKEN: list[dict[str, list[str]]] = [{"sessionToken": []}]
ABOUT = (
    "A chatbot's speech and text in, a talking head out. `POST /v1/sessions` opens a session; browsers watch"
    " it by WHEP; speech, text and control go over its WebSocket (see below)."
)


def document(limits: Limits, engine: Engine) -> dict[str, Any]:
    """OpenAPI 3.1 with what this engine can, and with `x-websocket` for what OpenAPI has no words for."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "avatar-engine",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {**_sessions(), **_whep(), **_operations(), "/v1/sessions/{session}/ws": _socket()},
        "components": {"securitySchemes": _schemes(), "schemas": _schemas(engine)},
        "x-websocket": _websocket(limits),
    }


def _sessions() -> dict[str, Any]:
    return {
        "/v1/sessions": {
            "post": {
                "summary": "Open a session",
                "operationId": "openSession",
                "security": [{}, {"apiKey": []}],
                "requestBody": {
                    "required": False,
                    "content": {"application/json": {"schema": _ref("SessionOptions")}},
                },
                "responses": {
                    "201": {
                        "description": "It is on; the token is told this once",
                        "headers": {"Location": _header("path of the session")},
                        "content": {"application/json": {"schema": _ref("Session")}},
                    },
                    **_problems(400, 401, 408, 413, 415, 422),
                    "503": {
                        **_problem("The machine is full, or still starting"),
                        "headers": {"Retry-After": _header("seconds", "integer")},
                    },
                },
            }
        },
        "/v1/sessions/{session}": {
            "delete": {
                "summary": "End a session",
                "operationId": "endSession",
                "security": [{"sessionToken": []}, {"apiKey": []}],
                "parameters": [SESSION],
                "responses": {"204": {"description": "It has ended"}, **_problems(401, 404, 410)},
            }
        },
    }


def _whep() -> dict[str, Any]:
    fragment = {"application/trickle-ice-sdpfrag": {"schema": {"type": "string"}}}
    return {
        "/v1/sessions/{session}/whep": {
            "post": {
                "summary": "Watch: SDP offer in, answer out (WHEP)",
                "operationId": "watch",
                "security": BY_TOKEN,
                "parameters": [SESSION],
                "requestBody": {
                    "required": True,
                    "content": {"application/sdp": {"schema": {"type": "string"}}},
                },
                "responses": {
                    "201": {
                        "description": "SDP answer; Link headers name STUN and TURN servers",
                        "headers": {
                            "Location": _header("path of this viewer"),
                            "ETag": _header("of the ICE session"),
                        },
                        "content": {"application/sdp": {"schema": {"type": "string"}}},
                    },
                    **_problems(400, 401, 404, 408, 410, 413, 415, 422, 503, 504),
                },
            },
            "options": {
                "summary": "What is taken here",
                "operationId": "whepOptions",
                "parameters": [SESSION],
                "responses": {
                    "204": {
                        "description": "SDP offers",
                        "headers": {"Accept-Post": _header("application/sdp")},
                    },
                    **_problems(404, 410),
                },
            },
        },
        "/v1/sessions/{session}/whep/{viewer}": {
            "patch": {
                "summary": "More ICE candidates (trickle); a restart of ICE is refused with 422",
                "operationId": "addCandidate",
                "security": BY_TOKEN,
                "parameters": [SESSION, VIEWER],
                "requestBody": {"required": True, "content": fragment},
                "responses": {
                    "204": {"description": "Taken"},
                    **_problems(400, 401, 404, 408, 410, 413, 415, 422),
                },
            },
            "delete": {
                "summary": "End this viewer",
                "operationId": "unwatch",
                "security": BY_TOKEN,
                "parameters": [SESSION, VIEWER],
                "responses": {"200": {"description": "It has ended"}, **_problems(401, 404, 410)},
            },
        },
    }


def _operations() -> dict[str, Any]:
    def get(summary: str, name: str, schema: dict[str, Any], kind: str = JSON) -> dict[str, Any]:
        good = {"description": "As asked", "content": {kind: {"schema": schema}}}
        return {"get": {"summary": summary, "operationId": name, "responses": {"200": good}}}

    ready = get("New sessions are taken", "ready", {"type": "object"})
    ready["get"]["responses"] |= _problems(503)
    binary = {"type": "string", "format": "binary"}
    picture = get("A small picture of an avatar", "picture", binary, "image/webp")
    picture["get"]["parameters"] = [AVATAR]
    picture["get"]["responses"] |= _problems(404)
    return {
        "/v1/info": get("What the server has", "info", _ref("Info")),
        "/v1/avatars/{avatar}/picture": picture,
        "/healthz": get("The process answers", "health", {"type": "object"}),
        "/readyz": ready,
        "/metrics": get("Numbers for Prometheus", "metrics", {"type": "string"}, "text/plain"),
    }


def _socket() -> dict[str, Any]:
    token = {
        "name": "token",
        "in": "query",
        "required": False,
        "schema": {"type": "string"},
        "description": "the session's token; or as bearer",
    }
    return {
        "get": {
            "summary": "Control and speech channel (WebSocket)",
            "operationId": "control",
            "description": "Take ws_url of POST /v1/sessions. Messages: `x-websocket` of this document.",
            "parameters": [SESSION, token],
            "responses": {"101": {"description": "A WebSocket"}, **_problems(403, 404)},
        }
    }


def _schemes() -> dict[str, Any]:
    return {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "--api-key of the server, where it has one",
        },
        "sessionToken": {
            "type": "http",
            "scheme": "bearer",
            "description": "token of POST /v1/sessions; opens that session only",
        },
    }


def _schemas(engine: Engine) -> dict[str, Any]:
    text, boolean = {"type": "string"}, {"type": "boolean"}
    sizes = {"type": "integer", "enum": list(engine.sizes)}
    avatars = {"type": "string", "enum": list(engine.avatars)}
    level = {"type": "number", "minimum": 0, "maximum": 1}
    emotion = {"type": "string", "enum": list(EMOTION_NAMES)}
    server = _object({"urls": text, "username": text, "credential": text}, needed=["urls"])
    return {
        "SessionOptions": {
            **_object(
                {
                    "avatar": avatars,
                    "size": {**sizes, "description": "pixels"},
                    "seed": {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED, "default": 0},
                    "emotion": {
                        "description": "holds for the whole session",
                        "oneOf": [
                            {"type": "string", "pattern": EMOTION_PATTERN, "examples": ["joy:0.8"]},
                            _object({"emotion": emotion, "intensity": level}, needed=["emotion"]),
                            {"type": "null"},
                        ],
                    },
                },
                needed=[],
            ),
            "additionalProperties": False,
            "examples": [{}, {"avatar": "ava", "size": 256, "seed": 1, "emotion": "joy:0.5"}],
        },
        "Session": _object(
            {
                "session_id": text,
                "token": text,
                "whep_url": {**text, "format": "uri"},
                "ws_url": {**text, "format": "uri"},
                "expires_at": {
                    **text,
                    "format": "date-time",
                    "description": "unless a socket or a viewer connects",
                },
                "avatar": text,
                "size": sizes,
                "ice_servers": {"type": "array", "items": server},
            }
        ),
        "Info": _object(
            {
                "version": text,
                "ready": boolean,
                "avatars": {"type": "array", "items": text},
                "sizes": {"type": "array", "items": {"type": "integer"}},
                "default_size": {"type": "integer"},
                "device": text,
                "voice": boolean,
                "chat": boolean,
                "auth": boolean,
                "missing": {"type": "object", "additionalProperties": text},
            }
        ),
        "Problem": _object(
            {"code": {"type": "string", "enum": list(CODES)}, "message": text, "retryable": boolean}
        ),
    }


def _websocket(limits: Limits) -> dict[str, Any]:
    return {
        "from the client": {
            name: {
                "does": does,
                "fields": {
                    key: {"value": field.says, "needed": field.is_needed} for key, field in fields.items()
                },
            }
            for name, (does, fields) in KINDS.items()
        },
        "binary": f"PCM16 little-endian mono, at most {limits.sound_bytes} bytes a message",
        "from the engine": EVENTS,
        "id": f"any message may carry one: 1..{limits.id_chars} characters or a whole number",
        "codes": list(CODES),
        "closing": {
            "4401": "wrong token",
            "4404": "no such session",
            "4408": "events were not read",
            "4409": "too many sockets",
            "4410": "the session has ended",
            "4429": "too many messages",
            "1001": "the server is shutting down",
            "1009": f"a message over {limits.frame_bytes} bytes",
        },
    }


def _object(properties: dict[str, Any], needed: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if needed is None else needed,
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


REASONS = {
    400: "Malformed",
    401: "No key or token, or a wrong one",
    403: "This origin may not connect",
    404: "No such session or viewer",
    408: "The body did not arrive in time",
    410: "The session has ended",
    413: "Too large",
    415: "Another Content-Type is expected",
    422: "A value is out of range",
    503: "Full, or not ready",
    504: "The engine did not answer in time",
}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ref("Problem")}}}


def _problems(*statuses: int) -> dict[str, Any]:
    return {str(status): _problem(REASONS[status]) for status in statuses}
