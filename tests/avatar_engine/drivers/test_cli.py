from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avatar_engine import __version__, assembly
from avatar_engine.clock import SAMPLE_RATE
from avatar_engine.drivers import api, cli
from avatar_engine.names import EMOTION_NAMES
from tests.support.film_fakes import SketchedModels, pictures
from tests.support.motion_fakes import moving_frames, write_motion
from tests.support.session_fakes import KeywordReader, syllables

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands with a pencil in place of the generator."""
    monkeypatch.setattr(api, "Models", SketchedModels)
    monkeypatch.setattr(assembly, "build_text_reader", lambda model=None: KeywordReader())


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "speech.wav", syllables(1.0), SAMPLE_RATE)
    return tmp_path / "speech.wav"


def run(*arguments: object) -> int:
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as done:
        assert isinstance(done.code, int)
        return done.code


def test_render_makes_a_film_and_says_nothing_in_a_pipe(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\ufeff[joy] What a day!", encoding="utf-8")
    code = run(
        *(
            "render",
            speech,
            "--text-file",
            text,
            "-o",
            tmp_path / "film.mp4",
            "--motion",
            tmp_path / "film.csv",
        ),
        *("--size", 256, "--seed", 4, "--emotion", "joy:0.8", "--device", "cpu", "--threads", 1),
    )
    assert code == 0 and capsys.readouterr() == ("", "")
    assert (
        len(pictures(tmp_path / "film.mp4"))
        == 25
        == len((tmp_path / "film.csv").read_text().splitlines()) - 1
    )


def test_motion_and_animate(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("motion", speech, "--text", "I feel joy.", "-o", tmp_path / "a.json") == 0
    assert (
        run("animate", tmp_path / "a.json", "--audio", speech, "-o", tmp_path / "a.webm", "--size", 256) == 0
    )
    assert run("animate", tmp_path / "a.json", "-o", tmp_path / "frames", "--size", 256) == 0
    assert len(list((tmp_path / "frames").iterdir())) == 25
    assert capsys.readouterr() == ("", "")


def test_motion_draws_a_plot_alone_or_beside_the_motion(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "phones.lab").write_text("0 0.2 sil\n0.2 0.3 m\n")
    assert run("motion", speech, "--plot", tmp_path / "a.png", "--phones", tmp_path / "phones.lab") == 0
    both = ["-o", tmp_path / "b.json", "--plot", tmp_path / "b.svg", "--plot-span", 0.2, 0.6]
    assert run("motion", speech, *both) == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG") and (tmp_path / "b.json").exists()
    assert "speech.wav" in (tmp_path / "b.svg").read_text() and capsys.readouterr() == ("", "")
    assert run("motion", speech, "-o", tmp_path / "c.json", "--plot", tmp_path / "none" / "c.png") == 1
    assert "create the folder first" in capsys.readouterr().err and not (tmp_path / "c.json").exists()


def test_a_plot_without_matplotlib_says_what_to_install(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert run("motion", speech, "--plot", tmp_path / "a.png") == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and "pip install 'avatar-engine[plot]'" in errors


def test_emotion_prints_a_json_line_for_each_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "texts.txt").write_text("full of joy\n\nfull of anger\n今天天气\n", encoding="utf-8")
    assert run("emotion", "--file", tmp_path / "texts.txt", "--json") == 0
    output, errors = capsys.readouterr()
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["text"] for line in lines] == ["full of joy", "", "full of anger", "今天天气"]
    assert all(tuple(line["scores"]) == EMOTION_NAMES for line in lines)
    assert lines[0]["scores"]["joy"] == 0.9 and lines[2]["scores"]["anger"] == 0.9
    assert lines[3]["scores"] == {name: float(name == "neutral") for name in EMOTION_NAMES}
    assert errors.count("\n") == 1 and "1 texts are in a language that the model does not know" in errors


def test_emotion_of_texts_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("emotion", "full of joy", "full of fear") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("joy 0.90") and first.endswith("full of joy") and second.startswith("fear 0.90")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["emotion"], "give either texts or --file"),
        (["emotion", "a", "--file", "b"], "give either texts or --file"),
        (["render", "x.wav", "-o", "a.mp4", "--size", "300"], "--size"),
        (["render", "x.wav"], "-o/--output"),
        (["rendr"], "rendr"),
        ([], "COMMAND"),
        (["render", "SPEECH", "-o", "a.mp4", "--emotion", "happy"], "unknown emotion 'happy'"),
        (["render", "SPEECH", "-o", "a.mp4", "--avatar", "bob"], "unknown avatar 'bob'"),
        (["render", "SPEECH", "-o", "a.mp4", "--background", "transparent"], ".mp4 has no alpha"),
        (["render", "SPEECH", "-o", "a.mp4", "--text-file", "none.txt"], "none.txt: cannot be read"),
        (["motion", "SPEECH"], "-o OUT.json|OUT.csv, or --plot OUT.png"),
        (["motion", "SPEECH", "--plot", "a.gif"], "must end in .png, .svg or .pdf"),
        (["motion", "SPEECH", "-o", "a.json", "--phones", "a.lab"], "name its file too"),
        (["motion", "SPEECH", "--plot", "a.png", "--phones", "none.lab"], "none.lab: cannot be read"),
        (["motion", "SPEECH", "--plot", "a.png", "--plot-span", "2", "1"], "0 <= start < end"),
        (["motion", "SPEECH", "--plot", "a.png", "--plot-span", "2", "3"], "the speech ends at 1.00 s"),
        (["animate", "m.bvh", "-o", "a.mp4"], "must end in .json"),
        (["animate", "m.csv", "-o", "a.mp4", "--fps", "0"], "--fps must lie in"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str],
    words: str,
    speech: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*[str(speech) if argument == "SPEECH" else argument for argument in arguments]) == 2
    output, errors = capsys.readouterr()
    assert output == "" and words in errors and errors.count("\n") == 1 and errors.startswith("avatar-engine")
    assert [item.name for item in tmp_path.iterdir()] == ["speech.wav"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["render", "none.wav", "-o", "a.mp4"], "none.wav: no such file"),
        (["motion", "SPEECH", "-o", "none/a.json"], "create the folder first"),
        (["animate", "none.json", "-o", "a.mp4"], "none.json: no such file"),
    ],
)
def test_what_fails_is_one_line_and_exit_code_1(
    arguments: list[str],
    words: str,
    speech: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*[str(speech) if argument == "SPEECH" else argument for argument in arguments]) == 1
    errors = capsys.readouterr().err
    assert words in errors and errors.count("\n") == 1 and "Traceback" not in errors


def test_warnings_are_lines_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = moving_frames(4)
    frames[2].head_rad[0] = 3.0
    assert (
        run("animate", write_motion(tmp_path / "a.json", frames), "-o", tmp_path / "frames", "--size", 256)
        == 0
    )
    errors = capsys.readouterr().err
    assert errors.startswith("avatar-engine: warning: 1 of 4 frames") and errors.count("\n") == 1


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_adds_the_traceback(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["render", "none.wav", "-o", "a.mp4"]
    assert run(*(["--debug", *command] if place == "before" else [*command, "--debug"])) == 1
    errors = capsys.readouterr().err
    assert "Traceback" in errors and errors.splitlines()[-1].startswith("avatar-engine: none.wav")


def test_the_unforeseen_is_one_line_too(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down(*arguments: object, **options: object) -> None:
        raise RuntimeError("the roof\nis on fire")

    monkeypatch.setattr(api, "render", break_down)
    assert run("render", speech, "-o", tmp_path / "a.mp4") == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and "RuntimeError: the roof" in errors and "--debug" in errors


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0 and capsys.readouterr().out == f"avatar-engine {__version__}\n"
    assert run("--help") == 0
    text = capsys.readouterr().out
    for command in ("render", "motion", "animate", "emotion", "batch", "bench", "doctor", "avatars"):
        assert f"\n    {command}" in text


SLOW = """
import sys, time
from avatar_engine.drivers import api, cli
from tests.support.film_fakes import SketchedFace, SketchedModels
draw = SketchedFace.draw
def slowly(self, *controls):
    if self.drawn == 3:
        print("drawing", flush=True)
    time.sleep(0.02)
    return draw(self, *controls)
SketchedFace.draw = slowly
api.Models = SketchedModels
sys.exit(cli.main(sys.argv[1:]))
"""


def heed_interrupts() -> None:
    """A background job of a shell ignores SIGINT, and so would the children of a test run that is one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_and_loses_nothing(tmp_path: Path, number: signal.Signals) -> None:
    soundfile.write(tmp_path / "long.wav", syllables(30.0), SAMPLE_RATE)
    (tmp_path / "film.mp4").write_bytes(b"old film")
    command = [sys.executable, "-c", SLOW, "render", "long.wav", "-o", "film.mp4", "--size", "256"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "drawing\n"
        process.send_signal(number)
        errors = process.stderr.read()
    assert process.returncode == 130 and errors == "avatar-engine: interrupted; nothing was written\n"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["film.mp4", "long.wav"]
    assert (tmp_path / "film.mp4").read_bytes() == b"old film"


def test_a_kill_leaves_the_old_film(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", syllables(30.0), SAMPLE_RATE)
    (tmp_path / "film.mp4").write_bytes(b"old film")
    command = [sys.executable, "-c", SLOW, "render", "long.wav", "-o", "film.mp4", "--size", "256"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "drawing\n"
        process.kill()
    assert (tmp_path / "film.mp4").read_bytes() == b"old film"
    assert not [
        item.name
        for item in tmp_path.iterdir()
        if not item.name.startswith(".") and item.name not in ("film.mp4", "long.wav")
    ]


def test_a_reader_that_goes_away_is_no_failure_worth_a_word(tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("joy\n" * 20_000)
    code = (
        "import sys; from avatar_engine import assembly; from avatar_engine.drivers import cli; "
        "from tests.support.session_fakes import KeywordReader; "
        "assembly.build_text_reader = lambda model=None: KeywordReader(); sys.exit(cli.main(sys.argv[1:]))"
    )
    shell = f'"{sys.executable}" -c "$CODE" emotion --json --file texts.txt | head -1'
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CODE": code}
    start = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", shell],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.count("\n") == 1 and done.stderr == "" and time.monotonic() - start < 60


def test_avatars_lists_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = {"head_deg": {"yaw": 20, "pitch": [-12, 15], "roll": 8}, "gaze_deg": {"x": 25, "y": 18}}
    limits["weights"] = {"tongueOut": 0.5, "jawOpen": 1.0}
    facts = assembly.AvatarFacts("ava", "1.0", ROOT, {"sizes": [256, 512], "matte": False, "limits": limits})
    monkeypatch.setattr(assembly, "avatars", lambda: [facts])
    assert run("avatars") == 0
    text = capsys.readouterr().out
    assert "ava 1.0: 256, 512 pixels, no matte" in text and "yaw -20..20, pitch -12..15, roll -8..8" in text
    assert "weights  0..1, but at most tongueOut 0.5" in text and "picture" not in text
    (tmp_path / "thumbnail.webp").touch()
    facts = assembly.AvatarFacts("ava", "1.0", tmp_path, facts.config)
    assert run("avatars") == 0 and f"picture  {tmp_path / 'thumbnail.webp'}" in capsys.readouterr().out


def test_text_that_is_no_text(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_bytes(np.random.default_rng(0).bytes(100))
    assert run("motion", speech, "--text-file", tmp_path / "text.txt", "-o", tmp_path / "a.json") == 2
    assert "not UTF-8 text" in capsys.readouterr().err
