from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avatar_engine.clock import SAMPLE_RATE
from avatar_engine.config import MotionOptions
from avatar_engine.drivers import api, offline
from avatar_engine.drivers.motion_files.files import read_motion
from avatar_engine.errors import AvatarWarning, MotionFileError, OutputError, SpeechError, UsageError
from tests.support.film_fakes import BACKDROP, SketchedModels, beeps, onsets_s, pictures, sound
from tests.support.motion_fakes import moving_frames, write_motion
from tests.support.session_fakes import assert_same_motion, new_session, run, syllables

SPEECH = (syllables(1.5), SAMPLE_RATE)
SMALL = {"size": 256}


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


@pytest.mark.parametrize(("seconds", "rate"), [(1.5, 16_000), (1.49, 44_100), (0.001, 48_000), (0.5, 8_000)])
def test_a_film_has_a_frame_for_each_begun_40_ms(tmp_path: Path, seconds: float, rate: int) -> None:
    report = api.render(
        (beeps(seconds, rate), rate), output=tmp_path / "a.mp4", models=SketchedModels(), **SMALL
    )
    assert report.frames == math.ceil(seconds * 25) == len(pictures(tmp_path / "a.mp4"))
    assert report.duration_s == report.frames / 25
    assert names(tmp_path) == ["a.mp4"]


def test_the_sound_of_a_film_is_the_speech_itself(tmp_path: Path) -> None:
    speech = np.stack([beeps(1.9, 44_100), 0.5 * beeps(1.9, 44_100)], axis=1)
    soundfile.write(tmp_path / "speech.wav", speech, 44_100)
    api.render(tmp_path / "speech.wav", output=tmp_path / "a.mp4", models=SketchedModels(), **SMALL)
    heard, rate = sound(tmp_path / "a.mp4")
    assert rate == 44_100 and heard.shape[1] == 2
    np.testing.assert_allclose(onsets_s(heard[:, 0], rate), [0, 0.5, 1, 1.5], atol=0.001)
    inner = slice(2_000, 80_000)
    assert np.corrcoef(heard[inner, 0], speech[inner, 0])[0, 1] > 0.99
    assert heard[inner, 1].std() == pytest.approx(0.5 * heard[inner, 0].std(), rel=0.05)


def test_the_mouth_opens_when_the_sound_is_heard(tmp_path: Path) -> None:
    """The lookahead must not show: a loud stretch from 1.0 to 1.4 s opens the mouth there and nowhere
    else."""
    samples = np.zeros(2 * SAMPLE_RATE, np.float32)
    samples[SAMPLE_RATE : round(1.4 * SAMPLE_RATE)] = syllables(0.4, rate=0.01)
    clip = api.motion((samples, SAMPLE_RATE), models=SketchedModels())
    jaw = clip.weights[:, 24]
    # The stand-in hears 120 ms at a time, 80 of them ahead.
    assert jaw[27:33].min() > 3 * max(jaw[:22].max(), jaw[40:].max(), 0.001)


def test_motion_is_the_session_s_own(tmp_path: Path) -> None:
    samples = syllables(2.2)
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    clip = api.motion(tmp_path / "a.wav", seed=5, models=SketchedModels())
    assert_same_motion(list(clip.frames()), run(new_session(seed=5), samples))


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        output, motion = tmp_path / f"{name}.mp4", tmp_path / f"{name}.json"
        api.render(
            SPEECH, "I feel joy.", output=output, motion=motion, seed=3, models=SketchedModels(), **SMALL
        )
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_an_animated_motion_file_is_the_film_it_came_from(tmp_path: Path) -> None:
    models = SketchedModels()
    api.render(SPEECH, output=tmp_path / "a.mp4", motion=tmp_path / "a.json", models=models, **SMALL)
    api.animate(tmp_path / "a.json", audio=SPEECH, output=tmp_path / "b.mp4", models=models, **SMALL)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_text_reaches_the_face_and_the_motion_file(tmp_path: Path) -> None:
    api.motion(SPEECH, "[joy] What a day!", output=tmp_path / "a.json", models=SketchedModels())
    made = json.loads((tmp_path / "a.json").read_text())
    assert made["meta"]["seed"] == 0 and made["meta"]["generator"].startswith("avatar-engine ")
    assert {"tag"} <= {emotion["source"] for emotion in made["emotions"]}


def test_an_unknown_script_is_neutral_with_a_warning() -> None:
    with pytest.warns(AvatarWarning) as caught:
        api.motion(SPEECH, "今天天气真好。", models=SketchedModels())
    assert len(caught) == 1 and "\n" not in str(caught[0].message)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"avatar": "bob"}, "unknown avatar 'bob'"),
        ({"emotion": "joyy"}, "did you mean 'joy'"),
        ({"emotion": "joy:2"}, "0..1"),
        ({"size": 300}, "size must be one of 256, 384, 512"),
        ({"seed": -1}, "seed must be"),
        ({"device": "gpu"}, "unknown device"),
        ({"background": "transparent"}, ".mp4 has no alpha"),
        ({"background": "white"}, "has no matte"),
        ({"motion": "a.bvh"}, "must end in .json"),
        ({"output": "a.avi"}, "unknown ending"),
    ],
)
def test_wrong_options_are_wrong_usage(tmp_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        api.render(SPEECH, **{"output": tmp_path / "a.mp4", "models": SketchedModels(), **options})
    assert caught.value.exit_code == 2 and names(tmp_path) == []


def test_transparent_needs_a_matte_also_where_the_format_has_alpha(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no matte"):
        api.render(
            SPEECH, output=tmp_path / "a.webm", background="transparent", models=SketchedModels(), **SMALL
        )


def test_a_matte_lets_the_background_be_chosen(tmp_path: Path) -> None:
    models = SketchedModels(has_matte=True)
    api.render(SPEECH, output=tmp_path / "a.mp4", background="#00ff00", models=models, **SMALL)
    corner = pictures(tmp_path / "a.mp4")[0].to_ndarray(format="rgb24")[4, 4]
    np.testing.assert_allclose(corner, (0, 255, 0), atol=4)
    api.render(SPEECH, output=tmp_path / "frames", background="transparent", models=models, **SMALL)
    assert (tmp_path / "frames" / "frame_000000.png").exists()


def test_speech_is_never_written_over(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", SPEECH[0], SAMPLE_RATE)
    before = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.wav")
    with pytest.raises(UsageError, match="is the speech itself"):
        api.render(tmp_path / "a.wav", output=tmp_path / "link.mp4", models=SketchedModels())
    assert (tmp_path / "a.wav").read_bytes() == before


@pytest.mark.parametrize("stage", ["draw", "speech", "frame"])
def test_whatever_fails_nothing_is_left_behind(tmp_path: Path, stage: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old film")
    samples = SPEECH[0].copy()
    if stage == "speech":
        samples = np.concatenate([samples] * 3)
        soundfile.write(tmp_path / "a.flac", samples, SAMPLE_RATE)
        content = (tmp_path / "a.flac").read_bytes()
        (tmp_path / "a.flac").write_bytes(content[: len(content) * 7 // 10])

    def stop(done: int, expected: int | None) -> None:
        if stage == "frame" and done == 5:
            raise KeyboardInterrupt

    expected = {"draw": UsageError, "speech": SpeechError, "frame": KeyboardInterrupt}[stage]
    with pytest.raises(expected):
        api.render(
            tmp_path / "a.flac" if stage == "speech" else (samples, SAMPLE_RATE),
            output=tmp_path / "a.mp4",
            motion=tmp_path / "a.json",
            models=SketchedModels(fail_at=7 if stage == "draw" else None),
            on_frame=stop,
            **SMALL,
        )
    assert [name for name in names(tmp_path) if not name.endswith(".flac")] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"old film"


def test_an_output_that_cannot_be_written_is_told_before_work_begins(tmp_path: Path) -> None:
    models = SketchedModels()
    with pytest.raises(OutputError, match="create the folder first"):
        api.render(SPEECH, output=tmp_path / "none" / "a.mp4", models=models)
    assert models.portrait(api.RenderOptions()).drawn == 0


class LongSpeech:
    """Hours of sound that are made as they are read."""

    name = "long"
    sample_rate = 48_000
    channels = 2

    def __init__(self, seconds: int) -> None:
        self.duration_s: float | None = float(seconds)
        self._block = np.repeat(beeps(1.0, 48_000)[:, None], 2, axis=1)

    def blocks(self) -> Iterator[np.ndarray]:
        for _ in range(int(self.duration_s or 0)):
            yield self._block.copy()


def peak_bytes(seconds: int, output: Path) -> int:
    director = offline.Director(new_session(), LongSpeech(seconds), None)
    tracemalloc.start()
    offline.make_motion(director, {}, lambda: None, output=output)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    peak_bytes(2, tmp_path / "warm.csv")
    short, long = peak_bytes(5, tmp_path / "a.csv"), peak_bytes(40, tmp_path / "b.csv")
    # What grows is a record of the emotions: a few numbers every two seconds.
    assert long < short + 60_000


def test_animate_holds_the_last_frame_or_adds_silence(tmp_path: Path) -> None:
    motion = write_motion(tmp_path / "a.json", moving_frames(20))
    with pytest.warns(AvatarWarning, match=r"sound lasts 1.48 s, the motion 0.80 s: the last frame is held"):
        report = api.animate(
            motion,
            audio=(beeps(1.48, 16_000), 16_000),
            output=tmp_path / "a.mp4",
            models=SketchedModels(),
            **SMALL,
        )
    assert report.frames == 37 == len(pictures(tmp_path / "a.mp4"))
    with pytest.warns(AvatarWarning, match="silence is added"):
        report = api.animate(
            motion,
            audio=(beeps(0.4, 16_000), 16_000),
            output=tmp_path / "b.mp4",
            models=SketchedModels(),
            **SMALL,
        )
    heard, rate = sound(tmp_path / "b.mp4")
    assert report.frames == 20 and abs(len(heard) / rate - 0.8) < 0.08


def test_animate_clamps_with_one_warning(tmp_path: Path) -> None:
    frames = moving_frames(10)
    frames[4].head_rad[0] = 1.2
    frames[5].gaze_rad[1] = -1.0
    motion = write_motion(tmp_path / "a.json", frames)
    with pytest.warns(AvatarWarning) as caught:
        api.animate(motion, output=tmp_path / "frames", models=SketchedModels(), **SMALL)
    assert len(caught) == 1 and "frame 4, head yaw 68.75 became 20" in str(caught[0].message)
    assert len(names(tmp_path / "frames")) == 10


def test_animate_without_sound_has_no_sound(tmp_path: Path) -> None:
    api.animate(
        write_motion(tmp_path / "a.csv", moving_frames(8)),
        output=tmp_path / "a.mp4",
        models=SketchedModels(),
        **SMALL,
    )
    with pytest.raises(IndexError):
        sound(tmp_path / "a.mp4")
    corner = pictures(tmp_path / "a.mp4")[0].to_ndarray(format="rgb24")[4, 4]
    np.testing.assert_allclose(corner, BACKDROP, atol=4)


def test_animate_names_the_frame_that_is_wrong(tmp_path: Path) -> None:
    motion = write_motion(tmp_path / "a.json", moving_frames(8))
    made = json.loads(motion.read_text())
    made["frames"][6]["weights"][24] = float("nan")
    motion.write_text(json.dumps(made))
    with pytest.raises(MotionFileError, match="frame 6: jawOpen is nan"):
        api.animate(motion, output=tmp_path / "a.mp4", models=SketchedModels())
    assert names(tmp_path) == ["a.json"]


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    api.render(
        SPEECH,
        output=tmp_path / "a.mp4",
        models=SketchedModels(),
        on_frame=lambda *at: seen.append(at),
        **SMALL,
    )
    assert seen == [(done, 38) for done in range(1, 39)]


def test_models_are_loaded_once(tmp_path: Path) -> None:
    models = SketchedModels()
    for name in "abc":
        api.render(SPEECH, output=tmp_path / f"{name}.mp4", models=models, **SMALL)
    assert models.loaded == 1


def test_the_public_session_takes_options_by_name() -> None:
    session = api.Session(seed=4, emotion="joy:0.5", models=SketchedModels())
    assert isinstance(session, api.session.Session)
    assert api.motion_options(seed=4, emotion="joy:0.5") == MotionOptions(
        seed=4, emotion=api.EmotionChoice("joy", 0.5)
    )
    with pytest.raises(UsageError, match="did you mean 'liveliness'"):
        api.Session(livelines=0.5, models=SketchedModels())


def test_motion_written_and_motion_returned_are_the_same(tmp_path: Path) -> None:
    api.motion(SPEECH, output=tmp_path / "a.json", models=SketchedModels())
    written, returned = read_motion(tmp_path / "a.json"), api.motion(SPEECH, models=SketchedModels())
    assert written.weights.tobytes() == returned.weights.tobytes()
