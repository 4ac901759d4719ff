"""doctor --live: each failing step is named, and a whole path is walked to its end."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import numpy as np
import pytest

from avatar_engine.drivers import cli
from avatar_engine.drivers.live.service.conversation import Speech
from avatar_engine.drivers.probe import live_doctor, own_server
from avatar_engine.drivers.probe.live_doctor import REMEDIES, STEPS, tone
from tests.support.certificates import self_signed
from tests.support.engine_fakes import FakeEngine, FakeRelay, FakeVoice
from tests.support.fake_http import Exchange
from tests.support.fake_http import serving as serving_http
from tests.support.live_server import serving


def broken_at(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """The step that failed and all that was said."""
    said = capsys.readouterr().out
    bad = [line for line in said.splitlines() if line.startswith("BAD")]
    assert len(bad) == 1 and "Traceback" not in said
    step = bad[0][6:20].strip()
    assert f"what to do: {REMEDIES[step]}" in said and f"the live path is broken at {step!r}" in said
    return step, said


def test_every_step_has_a_remedy() -> None:
    assert set(REMEDIES) == set(STEPS)


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert asyncio.run(live_doctor.run(f"http://127.0.0.1:{port}", None)) == 1
    assert broken_at(capsys)[0] == "port"


def test_something_else_listens(capsys: pytest.CaptureFixture[str]) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, b"<html>hello</html>", "text/html")

    async def run() -> int:
        async with serving_http(script) as server:
            return await live_doctor.run(server.url, None)

    assert asyncio.run(run()) == 1
    assert broken_at(capsys)[0] == "HTTP"


def test_a_wrong_key_and_pictures_that_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    async def run(key: str) -> int:
        speech = Speech(FakeVoice(), FakeRelay([]))
        async with serving(FakeEngine(), speech, api_keys=("key-of-eight",)) as server:
            return await live_doctor.run(server.url, key)

    assert asyncio.run(run("wrong-key")) == 1
    step, said = broken_at(capsys)
    assert step == "session" and "unauthorized" in said
    assert asyncio.run(run("key-of-eight")) == 1  # the fake engine's answers are no real SDP
    step, said = broken_at(capsys)
    assert step == "SDP" and "no answer: Media sections" in said and "not tried: ICE" in said


def test_a_server_with_its_own_certificate_is_trusted_by_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cert, key = self_signed(tmp_path)
    other, _ = self_signed(tmp_path, hours=2)

    async def run(ca: Path | None) -> int:
        async with serving(FakeEngine(), tls_cert=cert, tls_key=key) as server:
            return await live_doctor.run(server.url, None, ca)

    for ca in (None, other):
        assert asyncio.run(run(ca)) == 1
        step, said = broken_at(capsys)
        assert step == "TLS" and "is not trusted (self-signed certificate" in said and "--ca FILE" in said
    assert asyncio.run(run(cert)) == 1  # the fake engine's answers are no real SDP: TLS was no trouble
    step, said = broken_at(capsys)
    assert step == "SDP" and "the certificate is trusted, until" in said


@pytest.mark.parametrize(
    ("address", "hours", "says"),
    [("127.0.0.2", 1, "is for another name"), ("127.0.0.1", -1, "is out of date (certificate has expired)")],
)
def test_a_certificate_that_does_not_hold_is_told_as_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str, hours: int, says: str
) -> None:
    cert, key = self_signed(tmp_path, address, hours)

    async def run() -> int:
        async with serving(FakeEngine(), tls_cert=cert, tls_key=key) as server:
            return await live_doctor.run(server.url, None, cert)

    assert asyncio.run(run()) == 1
    step, said = broken_at(capsys)
    assert step == "TLS" and says in said


def test_https_where_there_is_no_tls(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> int:
        async with serving(FakeEngine()) as server:
            return await live_doctor.run(server.url.replace("http:", "https:"), None)

    assert asyncio.run(run()) == 1
    step, said = broken_at(capsys)
    assert step == "TLS" and "no TLS on this port" in said


def test_a_ca_that_cannot_be_used_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    live = ["doctor", "--live", "https://127.0.0.1:9"]
    for arguments, says in (
        (
            [*live, "--ca", str(tmp_path / "none.pem")],
            "none.pem: No such file or directory; expected a PEM file",
        ),
        ([*live, "--ca", str(empty)], "empty.pem: no PEM certificate in it; expected a PEM file"),
        ([*live, "--ca", str(tmp_path)], "Is a directory"),
        (["doctor", "--live", "http://127.0.0.1:9", "--ca", str(empty)], "begins with https://"),
        (["doctor", "--live", "--ca", str(empty)], "is for a server with TLS"),
        (["doctor", "--ca", str(empty)], "doctor --live https://"),
    ):
        assert cli.main(arguments) == 2
        said = capsys.readouterr().err
        assert says in said and said.count("\n") == 1, said


def test_a_server_of_our_own_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(own_server, "COMMAND", ("python3", "-c", "raise SystemExit('no weights')"))
    assert asyncio.run(live_doctor.run(None, None)) == 1
    step, said = broken_at(capsys)
    assert step == "server" and "no weights" in said


def test_a_tone_is_loud_and_of_its_length() -> None:
    samples = np.frombuffer(tone(0.5), "<i2")
    assert len(samples) == 12_000 and 8000 < np.abs(samples).max() < 10_000


@pytest.mark.slow
def test_the_whole_path_of_this_installation(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--live"]) == 0
    said = capfd.readouterr().out
    for step in STEPS:
        assert any(line.startswith("ok") and f" {step} " in line for line in said.splitlines()) or step in (
            "TLS",
            "voice",
        )
    assert said.endswith("the live path works\n")


@pytest.mark.slow
def test_the_live_bench_fills_its_columns(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--live", "--tries", "1", "--steady", "2", "--size", "256", "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["size"] == 256 and report["tries"] == 1
    assert {"ready_ms", "memory_mb", "first_frame_ms", "speech_heard_ms", "silence_ms"} <= set(report["cold"])
    assert {"session_ms", "connect_ms", "first_frame_ms"} <= set(report["warm"])
    assert report["steady"]["fps"] > 0 and report["steady"]["speech_sent_ms"] > 0


def test_wrong_numbers_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--live", "--tries", "0"]) == 2
    assert "--tries must be 1 or more" in capsys.readouterr().err


def test_what_is_no_address_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--live", "localhost:8080"]) == 2
    assert "http://127.0.0.1:8080" in capsys.readouterr().err
