"""The HTTP interface on a real socket, with the fake engine: operators, errors, origins, and pages."""

import asyncio
import json
import socket
from pathlib import Path

import pytest

from avatar_engine.drivers.live.service import serve
from avatar_engine.drivers.live.service.http.site import Site
from tests.support.live_scenes import check_problem, with_server
from tests.support.live_server import LiveServer


def test_operators_see_what_is_on() -> None:
    async def act(server: LiveServer) -> None:
        await server.open()
        assert (await server.call("GET", "/healthz")).json == {"status": "ok"}
        assert (await server.call("GET", "/readyz")).status == 200
        metrics = await server.call("GET", "/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert b"sessions_opened_total 1\n" in metrics.body and b"render_fps 25\n" in metrics.body
        info = (await server.call("GET", "/v1/info")).json
        assert info["sizes"] == [256, 384, 512] and info["voice"] is False
        assert info["missing"] == {"voice": "no voice; install one", "chat": "no relay; set one"}

    with_server(act)


def test_avatars_have_pictures() -> None:
    async def act(server: LiveServer) -> None:
        picture = await server.call("GET", "/v1/avatars/ava/picture")
        assert picture.headers["content-type"] == "image/webp" and picture.body[8:12] == b"WEBP"
        for name in ("tiny", "nobody", "..%2F..%2Fsecret"):
            answer = await server.call("GET", f"/v1/avatars/{name}/picture")
            check_problem(answer, 404, "not_found", "there are ava, tiny" if "%" not in name else "")

    with_server(act)


def test_before_the_engine_is_ready_sessions_wait() -> None:
    async def act(server: LiveServer) -> None:
        server.engine.ready = False
        ready = await server.call("GET", "/readyz")
        check_problem(ready, 503, "busy", "still starting")
        answer = await server.call("POST", "/v1/sessions")
        check_problem(answer, 503, "busy", "still starting")
        assert answer.headers["retry-after"] == "1"
        assert (await server.call("GET", "/healthz")).status == 200
        assert (await server.call("GET", "/metrics")).status == 200
        server.engine.ready = True

    with_server(act)


def test_what_is_not_there_and_what_is_not_allowed_have_the_same_shape() -> None:
    async def act(server: LiveServer) -> None:
        check_problem(await server.call("GET", "/nowhere"), 404, "not_found")
        check_problem(await server.call("GET", "/v1/sessions/none/ws"), 404, "not_found")
        put = await server.call("PUT", "/v1/sessions")
        check_problem(put, 405, "bad_request")
        assert "POST" in put.headers["allow"]
        check_problem(await server.call("DELETE", "/v1/sessions/none"), 404, "not_found", "POST /v1/sessions")

    with_server(act)


def test_half_a_head_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "HEAD_S", 0.2)

    def half(url: str, before: bytes) -> bytes:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            heard = b""
            if before:
                connection.sendall(before)
                while b"}" not in heard:
                    heard += connection.recv(4_096)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHo")
            try:
                return connection.recv(4_096)
            except ConnectionResetError:
                return b""

    async def act(server: LiveServer) -> None:
        host = server.url.removeprefix("http://")
        whole = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        for before in (b"", whole):
            assert await asyncio.wait_for(asyncio.to_thread(half, server.url, before), 10) == b""
        assert (await server.call("GET", "/healthz")).status == 200

    with_server(act)


def test_a_fault_of_ours_tells_nothing_but_that_it_happened(caplog: pytest.LogCaptureFixture) -> None:
    async def act(server: LiveServer) -> None:
        async def broken(options: object) -> None:
            raise RuntimeError("/secret/path")

        server.engine.open = broken
        answer = await server.call("POST", "/v1/sessions")
        check_problem(answer, 500, "internal")
        assert b"secret" not in answer.body

    with_server(act)
    assert [record.message for record in caplog.records] == ["request failed"]


def test_only_listed_origins_get_in() -> None:
    async def act(server: LiveServer) -> None:
        good, bad = "https://shop.example", "https://evil.example"
        for origin in (bad, "null", "https://shop.example.evil.example", "http://shop.example"):
            check_problem(
                await server.call("POST", "/v1/sessions", origin=origin), 403, "unauthorized", "--cors-origin"
            )
            preflight = await server.call(
                "OPTIONS", "/v1/sessions", origin=origin, access_control_request_method="POST"
            )
            assert preflight.status == 403
            assert (
                "access-control-allow-origin"
                not in (await server.call("GET", "/healthz", origin=origin)).headers
            )
        assert not server.engine.performances
        for origin in (good, server.url):
            answer = await server.call("POST", "/v1/sessions", origin=origin)
            assert answer.headers["access-control-allow-origin"] == origin
            assert "Location" in answer.headers["access-control-expose-headers"]
            preflight = await server.call(
                "OPTIONS", "/v1/sessions/x/whep/y", origin=origin, access_control_request_method="PATCH"
            )
            assert preflight.status == 204
            assert "PATCH" in preflight.headers["access-control-allow-methods"]
            assert "Authorization" in preflight.headers["access-control-allow-headers"]

    with_server(act, cors_origins=("https://shop.example",))


def test_a_foreign_name_for_this_machine_is_refused() -> None:
    async def act(server: LiveServer) -> None:
        port = server.url.rpartition(":")[2]
        check_problem(
            await server.call("GET", "/", host=f"evil.example:{port}"), 421, "unauthorized", "127.0.0.1"
        )
        for name in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", f"shop.example:{port}"):
            assert (await server.call("GET", "/healthz", host=name)).status == 200, name

    with_server(act, cors_origins=("https://shop.example",))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "web"
    (folder / "lib").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "lib" / "a.js").write_text("export {};")
    (folder / ".secret.js").write_text("no")
    (folder / "notes.md").write_text("no")
    (tmp_path / "outside.js").write_text("no")
    (folder / "link.js").symlink_to(tmp_path / "outside.js")
    return Site(folder)


def test_pages_have_types_tags_and_a_strict_policy(site: Site) -> None:
    async def act(server: LiveServer) -> None:
        page = await server.call("GET", "/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        script = await server.call("GET", "/lib/a.js")
        assert script.headers["content-type"].startswith("text/javascript")
        again = await server.call("GET", "/lib/a.js", if_none_match=script.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        head = await server.call("HEAD", "/lib/a.js")
        assert (head.status, head.body) == (200, b"")

    with_server(act, site=site)


@pytest.mark.parametrize(
    "path",
    [
        "/.secret.js", "/notes.md", "/lib", "/lib/", "/link.js", "/../outside.js", "/%2e%2e/outside.js",
        "/..%2foutside.js", "/lib/..%5c..%5coutside.js", "/%00.js", "/a%0d%0ab.js", "//etc/passwd.js",
        "/" + "a" * 5_000 + ".js", "/%ff.js", "/lib/%2e%2e/%2e%2e/outside.js",
    ],
)  # fmt: skip
def test_nothing_else_is_served(site: Site, path: str) -> None:
    async def act(server: LiveServer) -> None:
        check_problem(await server.call("GET", path), 404, "not_found")

    with_server(act, site=site)


def test_the_documentation_page_loads_nothing_foreign() -> None:
    async def act(server: LiveServer) -> None:
        page = (await server.call("GET", "/docs")).body.decode()
        assert "http://" not in page and "https://" not in page
        for name in ("docs.js", "docs.css"):
            assert (await server.call("GET", f"/docs/{name}")).status == 200
        document = (await server.call("GET", "/openapi.json")).json
        assert document["openapi"].startswith("3.1")
        json.dumps(document, allow_nan=False)
        assert {"speech.start", "interrupt"} <= set(document["x-websocket"]["from the client"])

    with_server(act)
