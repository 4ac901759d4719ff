"""Lips of the whole engine beside those of other ways to get them from sound, on the same recordings.

    python -m tests.benchmarks.lip_baselines --grid GRID --read EN_READ --corpus CORPUS --work FOLDER
        [--rhubarb PROGRAM] [--headaudio-model MODEL.bin] [--clips N]

GRID: a folder with lips.json, phones.json and NAME.flac. EN_READ: a folder with `transcription` (lines `<s>
words </s> (NAME)`) and NAME.wav, aligned here by pocketsphinx. CORPUS: made by `python -m
audio2expr.training.corpus`; the prototypes are trained on its train_*.npz. PROGRAM: an installed Rhubarb Lip
Sync (1.13 or newer); it is run on the sound alone and with the text, and what it says is kept in FOLDER.

Everything that another way needs to be read as a mouth (an aperture for each shape, a delay, a blur) is
fitted on the even clips of GRID, on which our own mouth was fitted too; the table is of the odd ones and of
EN_READ. Lips count as closed where the aperture is below .02; for the others, where a closed shape is shown
(Rhubarb: A, X; visemes: PP, sil), whatever aperture was fitted. "At our false": closures shorter than a
margin are left out, the least margin with which the others close no more vowels than ours. Rhubarb reads
the whole file before it answers; ours looks ahead 80 ms, the prototypes not at all. Never part of the test
run.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr

import avatar_engine
from audio2expr.training import corpus, read_speech
from audio2expr.training.evaluate import MouthReport, Track, measure
from audio2expr.training.phones import Phone
from audio2expr.training.targets import FRAME_S, load_grid
from avatar_engine.motion import lips
from tests.support import mfcc_prototypes
from tests.support.mfcc_prototypes import Prototypes, fit_prototypes
from tests.support.mouth_shapes import Cue, FilmedCues, fit_levels

SAMPLE_RATE = 16_000
RHUBARB_CLOSED = frozenset("AX")
"G (f, v) is lip to teeth, no closure."
RHUBARB_LIMIT_S = 600
OPEN_GAP = 1.0
MARGINS_S = (*(step / 100 for step in range(100)), 60.0)
"Of closed shapes; with the last nothing closes."
COMMANDS = {"b": "bin", "l": "lay", "p": "place", "s": "set"}
COLOURS = {"b": "blue", "g": "green", "r": "red", "w": "white"}
PREPOSITIONS = {"a": "at", "b": "by", "i": "in", "w": "with"}
DIGITS = {
    "z": "zero", "1": "one", "2": "two", "3": "three", "4": "four",
    "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine",
}  # fmt: skip
ADVERBS = {"a": "again", "n": "now", "p": "please", "s": "soon"}


@dataclass(frozen=True)
class Clip:
    """A recording whose phones are known, and perhaps its lips."""

    path: Path
    text: str
    phones: list[Phone]
    real: np.ndarray | None
    "float [frames]."

    @property
    def name(self) -> str:
        return self.path.stem

    def samples(self) -> np.ndarray:
        """float32 [n], mono 16 kHz."""
        sound, rate = soundfile.read(self.path, dtype="float32", always_2d=True)
        return np.asarray(soxr.resample(sound.mean(axis=1), rate, SAMPLE_RATE), np.float32)

    @property
    def frames(self) -> int:
        return int(np.ceil(soundfile.info(self.path).duration / FRAME_S - 1e-6))


CuesOf = Callable[[Clip], list[Cue]]


def grid_text(name: str) -> str:
    """What is said in a clip of GRID, which its name spells: 'bbaz5s' is 'bin blue at z five soon'."""
    command, colour, preposition, letter, digit, adverb = name
    words = (
        COMMANDS[command],
        COLOURS[colour],
        PREPOSITIONS[preposition],
        letter,
        DIGITS[digit],
        ADVERBS[adverb],
    )
    return " ".join(words)


def grid_clips(folder: Path, parity: int, limit: int | None) -> list[Clip]:
    found = load_grid(folder, parity)[:limit]
    return [Clip(c.samples_path, grid_text(c.name), c.phones, c.gap) for c in found]


def read_clips(folder: Path) -> list[Clip]:
    """The utterances of a `transcription` file; those that cannot be aligned are left out, and named."""
    clips = []
    for line in (folder / "transcription").read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"<s>\s*(.*?)\s*</s>\s*\((\S+)\)", line.strip())
        if match is None:
            raise ValueError(f"{folder / 'transcription'}: {line[:60]!r} is not '<s> words </s> (name)'")
        clip = Clip(folder / f"{match[2]}.wav", match[1], [], None)
        phones = read_speech.align(clip.samples(), clip.text)
        if phones:
            clips.append(Clip(clip.path, clip.text, phones, None))
        else:
            print(f"{clip.name}: cannot be aligned, left out")
    return clips


def our_gap(clip: Clip) -> np.ndarray:
    """The lips of the whole engine, as a file gets them; float [frames]."""
    motion = avatar_engine.motion(clip.path)
    return lips.aperture(motion.weights.astype(np.float64))


class Rhubarb:
    """Rhubarb Lip Sync as a program; what it said once is kept."""

    def __init__(self, program: Path, kept: Path, *, with_text: bool) -> None:
        self._program = program
        self._kept = kept
        self._with_text = with_text
        kept.mkdir(parents=True, exist_ok=True)

    def __call__(self, clip: Clip) -> list[Cue]:
        kept = self._kept / f"{clip.name}.json"
        if not kept.exists():
            part = kept.with_suffix(".part")
            part.write_text(self._listen(clip), encoding="utf-8")
            part.replace(kept)
        return rhubarb_cues(kept.read_text(encoding="utf-8"))

    def _listen(self, clip: Clip) -> str:
        with tempfile.TemporaryDirectory() as folder:
            sound, text = Path(folder, "speech.wav"), Path(folder, "speech.txt")
            samples, rate = soundfile.read(clip.path)
            soundfile.write(sound, samples, rate)
            text.write_text(clip.text, encoding="utf-8")
            hint = ["--dialogFile", str(text)] if self._with_text else []
            command = [str(self._program), "--exportFormat", "json", "--quiet", *hint, str(sound)]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=RHUBARB_LIMIT_S, check=False
            )
        if done.returncode:
            raise RuntimeError(f"{self._program} on {clip.path}: {done.stderr.strip()[-300:]}")
        return done.stdout


def rhubarb_cues(output: str) -> list[Cue]:
    """The cues in Rhubarb's JSON."""
    return [Cue(float(c["start"]), float(c["end"]), c["value"]) for c in json.loads(output)["mouthCues"]]


def measure_ours(clips: Sequence[Clip]) -> MouthReport:
    return measure([Track(clip.name, clip.phones, our_gap(clip), clip.real) for clip in clips])


@dataclass(frozen=True)
class Contender:
    """One of the others."""

    label: str
    cues_of: CuesOf
    closed: frozenset[str]
    fitted_by: CuesOf
    "Whose cues the reading is fitted on."


class Reading:
    """A contender's cues read as a mouth; what that takes is fitted on filmed clips."""

    def __init__(self, contender: Contender, fitted_on: Sequence[Clip]) -> None:
        self._contender = contender
        films = [FilmedCues(contender.fitted_by(clip), clip.phones, clip.real) for clip in fitted_on]
        self.levels = fit_levels(films)

    def moving(self, clips: Sequence[Clip]) -> MouthReport:
        """Of the fitted aperture."""
        cues_of, levels = self._contender.cues_of, self.levels
        return measure([Track(c.name, c.phones, levels.gap(cues_of(c), c.frames), c.real) for c in clips])

    def closing(self, clips: Sequence[Clip], margin_s: float = 0.0) -> MouthReport:
        """Of the closed shapes alone, their ends cut by `margin_s`."""
        tracks = []
        for clip in clips:
            cues = self._contender.cues_of(clip)
            shut = self.levels.shows(self._contender.closed, cues, clip.frames, margin_s)
            tracks.append(Track(clip.name, clip.phones, np.where(shut, 0.0, OPEN_GAP), None))
        return measure(tracks)

    def closing_at(self, clips: Sequence[Clip], false_per_s: float) -> MouthReport:
        """The same with the least margin at which no more vowels close than `false_per_s` (by middles)."""
        reports = (self.closing(clips, margin_s) for margin_s in MARGINS_S)
        return next(report for report in reports if report.false_closures_per_s <= false_per_s)


COLUMNS = (
    *("", "r, odd clips", "mismatched", "offset, frames"),
    *("p/b/m, odd clips", "false / s", "at our false"),
    *("p/b/m, read", "false / s", "at our false"),
)


def _closures(report: MouthReport, equal: MouthReport) -> tuple[str, str, str]:
    """Recall, false closures a second of vowel (wholly inside / middle inside), recall at ours."""

    def recall(of: MouthReport) -> str:
        return f"{of.closure_recall:.3f} ({round(of.closure_recall * of.bilabials)} of {of.bilabials})"

    false = f"{report.false_closures_inside_per_s:.2f} / {report.false_closures_per_s:.2f}"
    return recall(report), false, recall(equal)


def row(label: str, moving: MouthReport, *closing: tuple[MouthReport, MouthReport]) -> tuple[str, ...]:
    """A line of the table. closing: of the odd clips and of the read speech, as it is and at our false
    closures."""
    follow = (f"{moving.r:.3f}", f"{moving.r_mismatched:.3f}", f"{moving.offset_frames:.2f}")
    return label, *follow, *(cell for pair in closing for cell in _closures(*pair))


def as_table(rows: Sequence[tuple[str, ...]]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    even, odd = (grid_clips(options.grid, parity, options.clips) for parity in (0, 1))
    read = read_clips(options.read)
    seconds = [sum(soundfile.info(clip.path).duration for clip in clips) for clips in (even, odd, read)]
    print(
        f"fitted on {len(even)} even clips ({seconds[0]:.0f} s); measured on {len(odd)} odd ones "
        f"({seconds[1]:.0f} s) and {len(read)} read sentences ({seconds[2]:.0f} s)"
    )
    ours, ours_read = measure_ours(odd), measure_ours(read)
    rows = [row("ours, 80 ms ahead", ours, (ours, ours), (ours_read, ours_read))]
    for contender in _contenders(options):
        reading = Reading(contender, even)
        levels = reading.levels
        table = ", ".join(f"{shape} {level:.3f}" for shape, level in sorted(levels.levels.items()))
        print(f"{contender.label}: delay {levels.lag_s:g} s, blur {levels.blur_s:g} s; {table}", flush=True)
        closing = [
            (reading.closing(clips), reading.closing_at(clips, own.false_closures_per_s))
            for clips, own in ((odd, ours), (read, ours_read))
        ]
        rows.append(row(contender.label, reading.moving(odd), *closing))
    print(as_table(rows))


def _contenders(options: argparse.Namespace) -> list[Contender]:
    shards = sorted(options.corpus.glob("train_*.npz"))
    if not shards:
        raise SystemExit(f"{options.corpus}: holds no train_*.npz; make them with audio2expr.training.corpus")
    sessions = [session for shard in shards for session in corpus.load(shard)]
    hours = sum(len(session.samples) for session in sessions) / SAMPLE_RATE / 3600
    found: list[tuple[str, Prototypes]] = [
        (f"MFCC prototypes, {hours:.1f} h of our corpus", fit_prototypes(sessions)),
        ("the same, one covariance", fit_prototypes(sessions, shared=True)),
    ]
    if options.headaudio_model is not None:
        found.append(("the same, HeadAudio's own model", Prototypes.read(options.headaudio_model)))
    contenders = []
    for label, prototypes in found:
        hear = partial(_hear, prototypes)
        contenders.append(Contender(label, hear, mfcc_prototypes.CLOSED, hear))
    if options.rhubarb is not None:
        alone, told = (
            Rhubarb(options.rhubarb, options.work / f"rhubarb-{name}", with_text=name == "text")
            for name in ("sound", "text")
        )
        # Its shapes mean the same with and without the text, and each answer takes seconds.
        contenders.append(Contender("Rhubarb, whole file", alone, RHUBARB_CLOSED, alone))
        contenders.append(Contender("Rhubarb, whole file and its text", told, RHUBARB_CLOSED, alone))
    return contenders


def _hear(prototypes: Prototypes, clip: Clip) -> list[Cue]:
    return prototypes.cues(clip.samples())


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", type=Path, required=True, help="lips.json, phones.json, NAME.flac")
    parser.add_argument("--read", type=Path, required=True, help="transcription, NAME.wav")
    parser.add_argument("--corpus", type=Path, required=True, help="train_*.npz of the synthetic corpus")
    parser.add_argument("--work", type=Path, required=True, help="where Rhubarb's answers are kept")
    parser.add_argument("--rhubarb", type=Path, metavar="PROGRAM", help="Rhubarb Lip Sync, if it is there")
    parser.add_argument("--headaudio-model", type=Path, metavar="FILE", help="HeadAudio's model-*.bin")
    parser.add_argument("--clips", type=int, metavar="N", help="only the first N odd and even clips")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
