"""The page with the real engine: `avatar-engine serve` and its face, in a real browser."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.web_client.conftest import FakeServer, Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPEECH = Path(__file__).parents[2] / "examples" / "sense_and_sensibility.flac"
TEXT = "He was not an ill-disposed young man."
"What its first three seconds say."
BACKGROUND = (32, 160, 64)
"Red, green, blue of what stands behind the avatar."
READY_WITHIN_S = 60
"Far more than it takes: tests share their machine."
MOUTH = """
const video = root.querySelector('video');
const side = 64;
const canvas = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true });
const mouth = () => {
  const w = video.videoWidth;
  canvas.drawImage(video, w * 0.39, w * 0.54, w * 0.22, w * 0.14, 0, 0, side, side);
  return canvas.getImageData(0, 0, side, side).data;
};
const apart = (a, b) => a.reduce((sum, value, at) => sum + Math.abs(value - b[at]), 0) / a.length;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
"""

SAY_AND_WATCH = f"""{MOUTH}
const rest = mouth();
let most = 0;
let repeated = 0;
const count = ({{ detail }}) => {{ repeated = detail.repeated_frames; }};
await new Promise((go) => {{
  avatar.addEventListener('stats', (event) => {{ count(event); go(); }}, {{ once: true }});
}});
const before = repeated;
const began = performance.now();
avatar.addEventListener('stats', count);
const bytes = Uint8Array.from(atob('PCM16'), (letter) => letter.charCodeAt(0));
const said = avatar.sendAudio(bytes.buffer, {{ sampleRate: 16000, text: 'TEXT' }});
let ended = false;
said.finally(() => {{ ended = true; }});
while (!ended) {{ most = Math.max(most, apart(rest, mouth())); await pause(20); }}
await pause(1100);
const lateShare = (repeated - before) / (25 * (performance.now() - began) / 1000);
return {{ most, lateShare, ...(await said) }};
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("serve") / "log"
    command = [sys.executable, "-m", "avatar_engine.drivers.cli", "serve", "--port", "0"]
    command += ["--background", "#{:02x}{:02x}{:02x}".format(*BACKGROUND)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    with log.open("w") as lines:
        process = subprocess.Popen(
            command, stdout=lines, stderr=lines, cwd=Path(__file__).parents[2], env=environment
        )
        try:
            yield ready_address(process, log)
        finally:
            process.terminate()
            process.wait(30)


def ready_address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        url = next((event["url"] for event in events if event["event"] == "listening"), None)
        if url and any(event["event"] == "ready" for event in events):
            return str(url).rstrip("/")
        time.sleep(0.1)
    pytest.fail(f"serve was not ready within {READY_WITHIN_S} s:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def live(chromium: Any, engine: str) -> Iterator[Visit]:
    """One visit for all tests: a small machine has room for one session."""
    context = chromium.new_context(permissions=["microphone"])
    visit = Visit(context.new_page(), FakeServer(engine))
    visit.page.goto(engine, wait_until="domcontentloaded")
    yield visit.live()
    context.close()


def test_the_avatar_stands_before_the_background_of_ones_choice(live: Visit) -> None:
    corner = live.run(
        "const video = root.querySelector('video');"
        "const canvas = new OffscreenCanvas(16, 16).getContext('2d');"
        "const side = video.videoWidth / 16;"
        "canvas.drawImage(video, side / 4, side / 4, side, side, 0, 0, 16, 16);"
        "return [...canvas.getImageData(8, 8, 1, 1).data];"
    )
    assert corner[:3] == pytest.approx(BACKGROUND, abs=10)


def test_speech_is_seen_heard_and_read(live: Visit) -> None:
    samples, rate = soundfile.read(SPEECH, dtype="int16", frames=16_000 * 3)
    assert rate == 16_000
    pcm16 = base64.b64encode(samples.tobytes()).decode()
    said = live.run(SAY_AND_WATCH.replace("PCM16", pcm16).replace("TEXT", TEXT))
    assert said["position_s"] == pytest.approx(3, abs=0.05) and not said["interrupted"]
    if said["lateShare"] > 0.4:
        pytest.skip(
            f"this machine is too busy to draw: {said['lateShare']:.0%} of the pictures came too late"
        )
    assert said["most"] > 4, "the mouth moves (8 to 30 on a machine that keeps up)"
    live.until(f"root.querySelector('.spoken').textContent.includes({TEXT!r})")
    assert said["heard_text"] == TEXT
    assert not live.complaints


def test_speech_of_ones_own_is_interrupted_exactly(live: Visit) -> None:
    report = live.run(
        "const tone = Float32Array.from({ length: 24000 * 6 }, (_, at) => 0.2 * Math.sin(at / 15));"
        "const said = avatar.sendAudio(tone, { sampleRate: 24000, text: 'Six seconds of one tone.' });"
        "await new Promise((go) => avatar.addEventListener('speaking', go, { once: true }));"
        "await new Promise((go) => setTimeout(go, 1500));"
        "const answer = await avatar.interrupt();"
        "return { answer, said: await said };"
    )
    assert report["answer"]["interrupted"] and 0.5 < report["answer"]["position_s"] < 5.9
    assert report["said"]["position_s"] == report["answer"]["position_s"]


def test_the_microphone_makes_it_speak(live: Visit) -> None:
    live.run("await avatar.startMicrophone()")
    live.until("avatar.state === 'speaking'")
    live.run("avatar.stopMicrophone()")
    live.until("avatar.state !== 'speaking'")
    assert not live.complaints


def test_nothing_is_asked_of_other_hosts(live: Visit, engine: str) -> None:
    host = engine.removeprefix("http://")
    assert live.requests and all(f"//{host}/" in f"{url}/" for url in live.requests)
