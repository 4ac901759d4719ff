"""`avatar-engine serve` as a process: what it says, what it imports, how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import websockets.sync.client as client

ROOT = Path(__file__).parents[5]
COMMAND = [sys.executable, "-m", "avatar_engine.drivers.cli", "serve"]
PATIENCE_S = 60
WITH_FAKE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.support.engine_fakes import FakeEngine
from tests.support.live_server import NO_SPEECH
from avatar_engine.drivers import cli
from avatar_engine.drivers.live.service import serve, start
start.spawn = lambda models: None
serve.build = lambda options, first_worker: (FakeEngine(pace=float(sys.argv[1])), NO_SPEECH)
sys.exit(cli.main(["serve", "--port", "0", *sys.argv[2:]]))
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=PATIENCE_S, cwd=ROOT, check=False
    )


class Process:
    """A server with the fake engine."""

    def __init__(self, pace: float, *words: str) -> None:
        self.lines: list[dict[str, object]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", WITH_FAKE, str(pace), *words], stderr=subprocess.PIPE, text=True
        )
        try:
            self.url = str(self.until("listening")["url"]).rstrip("/")
            self.until("ready")
        except BaseException:
            self.kill()  # one that did not start must not be blamed on a later test
            raise

    def until(self, event: str) -> dict[str, object]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"the server ended without {event!r}: {self.lines}")

    def post(self, path: str) -> dict[str, str]:
        with urlopen(self.url + path, b"", timeout=PATIENCE_S) as answer:
            content: dict[str, str] = json.load(answer)
            return content

    def status(self, path: str) -> int:
        try:
            with urlopen(self.url + path, timeout=PATIENCE_S) as answer:
                return int(answer.status)
        except URLError as error:
            return int(getattr(error, "code", 0))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def end(self) -> int:
        assert self.process.stderr is not None
        self.lines += [json.loads(line) for line in self.process.stderr]
        return self.process.wait(PATIENCE_S)


@contextmanager
def server(pace: float = 0.0, *words: str) -> Iterator[Process]:
    made = Process(pace, *words)
    try:
        yield made
    finally:
        made.kill()


def output_of(script: str) -> str:
    """What a Python process of its own prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_names_every_option_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; from avatar_engine.drivers import cli\n"
        "try: cli.main(['serve', '--help'])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'numpy', 'starlette', 'uvicorn', 'aiortc', 'asyncio', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    printed = output_of(script)
    for option in ("--host", "--port", "--api-key", "--cors-origin", "--tls-cert", "--udp-ports", "--turn"):
        assert option in printed


def test_the_server_process_imports_no_training_library() -> None:
    script = (
        "import sys\n"
        "from avatar_engine.drivers.live.service import serve\n"
        "from avatar_engine.drivers.live.service.options import ServeOptions\n"
        "engine, speech = serve.build(ServeOptions(device='cpu'))\n"
        "heavy = {'torch', 'transformers', 'librosa', 'scipy', 'onnx', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    output_of(script)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--port", "70000"], "--port must lie in"),
        (["--port", "eighty"], "invalid int value"),
        (["--udp-ports", "1-2"], "1024"),
        (["--tls-cert", "none.pem", "--tls-key", "none.pem"], "no file none.pem"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(words: list[str], says: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert says in done.stderr


def test_a_port_in_use_and_an_address_that_is_not_ours_are_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--port", str(port))
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr and "--port" in done.stderr
    for host in ("192.0.2.1", "no.such.host.invalid"):
        done = run("--host", host)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert host in done.stderr


def test_a_certificate_that_is_none_is_one_line(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("no certificate")
    done = run(
        "--port", "0", "--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "--tls-cert" in done.stderr and "PEM" in done.stderr


def test_a_first_signal_drains_and_the_server_says_what_happens() -> None:
    with server(0.5, "--drain-s", "20") as made:
        session = made.post("/v1/sessions")
        with client.connect(session["ws_url"]) as channel:
            channel.send(json.dumps({"type": "speech.start", "sample_rate": 16_000, "text": "user words"}))
            channel.send(b"\1\0" * 16_000)
            channel.send('{"type":"speech.end"}')
            while json.loads(channel.recv(PATIENCE_S))["type"] != "speech.started":
                pass
            made.process.send_signal(signal.SIGTERM)
            heard = [json.loads(message) for message in channel]
            assert channel.close_code == 1001
        kinds = [event["type"] for event in heard]
        assert kinds.index("error") < kinds.index("speech.finished")
        assert not next(event for event in heard if event["type"] == "speech.finished")["interrupted"]
        assert made.end() == 0
        names = [line["event"] for line in made.lines]
        for name in ("listening", "ready", "session opened", "draining", "session ended", "stopped"):
            assert name in names
        log = json.dumps(made.lines)
        assert session["token"] not in log and "user words" not in log


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_second_signal_ends_at_once() -> None:
    with server(1_000.0, "--drain-s", "3000") as made:
        session = made.post("/v1/sessions")
        with client.connect(session["ws_url"]) as channel:
            channel.send(json.dumps({"type": "speech.start", "sample_rate": 16_000}))
            channel.send(b"\1\0" * 16_000)
            while json.loads(channel.recv(PATIENCE_S))["type"] != "speech.started":
                pass
            made.process.send_signal(signal.SIGTERM)
            made.until("draining")
            assert made.status("/readyz") == 503
            made.process.send_signal(signal.SIGTERM)
            assert made.end() == 0
        assert made.lines[-1]["forced"] is True


def test_an_engine_that_cannot_start_is_one_line() -> None:
    script = WITH_FAKE.replace(
        "serve.build =",
        "from avatar_engine.errors import WeightsError\n"
        "engine = FakeEngine()\n"
        "engine.fault = WeightsError('the weights are damaged; install again')\n"
        "serve.build = lambda options, first_worker: (engine, NO_SPEECH)\nnothing =",
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "0"], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "avatar-engine: the weights are damaged; install again"
    assert "Traceback" not in done.stderr


def test_a_server_open_to_the_world_without_a_key_warns() -> None:
    with server(0.0, "--host", "0.0.0.0") as made:
        warnings = [str(line["event"]) for line in made.lines if line["level"] == "warning"]
        assert any("no API key" in warning for warning in warnings)
        assert any("no TLS" in warning for warning in warnings)
