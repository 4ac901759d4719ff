"""The other ways to get lips from sound, on speech whose lips are known: what the comparison rests on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audio2expr.training.evaluate import speech_span
from audio2expr.training.phones import PHONES
from tests.audio2expr.training.made_data import make_session, real_gap
from tests.benchmarks.lip_baselines import Clip, Contender, Reading, grid_text, read_clips, rhubarb_cues
from tests.support.mfcc_prototypes import (
    N_CEPSTRA,
    VISEME_OF,
    VISEMES,
    Prototypes,
    features,
    fit_prototypes,
    window_ends_s,
)
from tests.support.mouth_shapes import Cue, FilmedCues, ShapeLevels, fit_levels


def test_every_phone_has_a_viseme() -> None:
    assert VISEME_OF.keys() == set(PHONES) and set(VISEME_OF.values()) == set(VISEMES)


@pytest.mark.parametrize("shared", [False, True])
def test_prototypes_tell_sounds_of_a_new_session_apart(shared: bool) -> None:
    prototypes = fit_prototypes([make_session(seed) for seed in range(4)], shared=shared)
    session = make_session(9)
    cepstra, _ = features(session.samples)
    nearest = np.array(prototypes.visemes)[prototypes.distances(cepstra).argmin(axis=1)]
    middles = window_ends_s(len(cepstra)) - 0.016
    said = [
        next((VISEME_OF[p.name] for p in session.phones if p.start_s <= t < p.end_s), "sil") for t in middles
    ]
    spoken = np.array(said) != "sil"
    assert (nearest == said)[spoken].mean() > 0.6


def test_the_detector_hears_nothing_of_the_future() -> None:
    prototypes = fit_prototypes([make_session(0)])
    samples = make_session(1).samples
    whole, half = prototypes.cues(samples), prototypes.cues(samples[: len(samples) // 2])
    assert [cue[::2] for cue in half] == [cue[::2] for cue in whole[: len(half)]]
    assert prototypes.cues(np.zeros(8000, np.float32)) == [Cue(0.0, 0.5, "sil")]


def test_a_model_file_is_read(tmp_path: Path) -> None:
    lower = np.tril(np.arange(N_CEPSTRA**2).reshape(N_CEPSTRA, N_CEPSTRA))[np.tril_indices(N_CEPSTRA)]
    numbers = np.concatenate([np.arange(N_CEPSTRA), lower]).astype("<f4").tobytes()
    (tmp_path / "model.bin").write_bytes(b"\0\0\0p\0\0\0\5" + numbers + b"\0\0\0 \0\0\0\x0e" + numbers)
    prototypes = Prototypes.read(tmp_path / "model.bin")
    assert prototypes.visemes == ("PP", "sil")
    np.testing.assert_array_equal(prototypes.means[1], np.arange(N_CEPSTRA))
    np.testing.assert_array_equal(prototypes.precisions[0], prototypes.precisions[0].T)
    assert prototypes.precisions[0, 3, 1] == 3 * N_CEPSTRA + 1


def spoken_cues(seed: int, late_s: float = 0.0) -> FilmedCues:
    session = make_session(seed)
    gap = real_gap(session.phones, len(session.samples) // 640)
    cues = [
        Cue(p.start_s + late_s, p.end_s + late_s, "A" if p.name == "b" else p.name) for p in session.phones
    ]
    return FilmedCues(cues, session.phones, gap)


@pytest.mark.parametrize("late_s", [0.0, 0.06])
def test_levels_and_delay_of_a_perfect_tool_are_found(late_s: float) -> None:
    levels = fit_levels([spoken_cues(seed, late_s) for seed in range(3)])
    assert levels.lag_s == pytest.approx(late_s, abs=0.021) and levels.blur_s == 0
    assert levels.levels["aa"] == pytest.approx(0.11, abs=0.01) and levels.levels["A"] < 0.01
    film = spoken_cues(7, late_s)
    span = speech_span(film.phones, len(film.gap))
    assert np.corrcoef(levels.gap(film.cues, len(film.gap))[span], film.gap[span])[0, 1] > 0.95


def test_a_margin_leaves_short_closures_out() -> None:
    levels = ShapeLevels({"A": 0.0, "D": 0.1}, 0.0, 0.0)
    cues = [Cue(0, 0.4, "D"), Cue(0.4, 0.48, "A"), Cue(0.48, 0.8, "D"), Cue(0.8, 1.2, "A")]
    shown = [np.flatnonzero(levels.shows(frozenset("A"), cues, 30, margin)) for margin in (0.0, 0.03, 0.09)]
    assert [frames.min() for frames in shown] == [10, 21, 22]


def test_a_perfect_tool_measures_as_one() -> None:
    films = [spoken_cues(seed) for seed in range(3)]
    clips = [Clip(Path(f"{i}.wav"), "", film.phones, film.gap) for i, film in enumerate(films)]
    frames = {clip.name: len(film.gap) for clip, film in zip(clips, films, strict=True)}

    class Made(Clip):
        @property
        def frames(self) -> int:
            return frames[self.name]

    made = [Made(clip.path, "", clip.phones, clip.real) for clip in clips]

    def say(clip: Clip) -> list[Cue]:
        return list(films[int(clip.name)].cues)

    reading = Reading(Contender("perfect", say, frozenset("A"), say), made)
    assert reading.moving(made).r > 0.97
    assert (
        reading.closing(made).closure_recall > 0.9 and reading.closing(made).false_closures_inside_per_s == 0
    )
    assert reading.closing_at(made, 0.0).false_closures_per_s == 0
    assert reading.closing(made, 60.0).closure_recall == 0


def test_texts_and_answers_are_read(tmp_path: Path) -> None:
    assert (
        grid_text("bbaz5s") == "bin blue at z five soon"
        and grid_text("swwezn") == "set white with e zero now"
    )
    answer = json.dumps({"mouthCues": [{"start": 0.0, "end": 0.5, "value": "X"}]})
    assert rhubarb_cues(answer) == [Cue(0.0, 0.5, "X")]
    (tmp_path / "transcription").write_text("hello\n")
    with pytest.raises(ValueError, match="is not '<s> words </s>"):
        read_clips(tmp_path)
