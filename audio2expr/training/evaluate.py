"""How well a mouth follows speech, from any source of weights. Knows phones, real lips and the gap of
weights; no net.

Real lips, by the net alone or from a folder of NAME.json motion files of the whole chain:

    python -m audio2expr.training.evaluate --grid FOLDER --face-model MODEL.npz [--parity 1] [--motion FOLDER]

Voices and languages, and kinds of recordings (conditions.py), on session files of corpus.py:

    python -m audio2expr.training.evaluate --speech held_out.npz held_out_librivox.npz [--condition all]

`--weights FOLDER` measures other weights than those that ship. The last line printed is JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from audio2expr.training import shapes
from audio2expr.training.phones import BILABIAL, BITTEN, OPEN_VOWELS, SILENCE, VOWELS, Phone
from audio2expr.training.targets import FRAME_S, RealClip, load_grid

CLOSED_BELOW = 0.02
"Aperture at which lips count as closed."
LAGS = 6
ROUND_PHONES = frozenset(("uw", "w"))
ROUNDED = frozenset(("uw", "w", "ow", "uh"))
SPECTRUM_FRAMES = 32
"1.3 s: the shortest stretch that shows half a hertz and fits into a short clip."


@dataclass(frozen=True)
class Track:
    """One clip: what was said, and how far the lips of the avatar (and perhaps real ones) were apart."""

    name: str
    phones: list[Phone]
    gap: np.ndarray
    "float [frames], from the weights."
    real: np.ndarray | None = None
    "float [frames], from the video."
    width: np.ndarray | None = None
    "float [frames], width of the mouth, from the weights."


@dataclass(frozen=True)
class MouthReport:
    """All numbers of the acceptance check; NaN where nothing was there to measure."""

    clips: int
    r: float
    "Correlation with real aperture inside the speech span, all clips together."
    r_mismatched: float
    "The same against the next clip's lips: what a mouth that just opens and closes would get."
    offset_frames: float
    "Where cross-correlation inside speech is best; positive: the avatar is late."
    closure_recall: float
    "Share of p, b, m with some frame below CLOSED_BELOW in their own span."
    closure_recall_strict: float
    "The same over frames whose middle lies in the span (the nearest one if there is none)."
    bilabials: int
    false_closures_per_s: float
    "Vowels with a closed frame whose middle lies in the vowel, a second of vowel."
    false_closures_inside_per_s: float
    "The same, over frames that lie wholly in the vowel."
    open_vowel_gap: float
    closed_phone_gap: float
    "Median aperture of aa, ae, eh; of p, b, m."
    round_gap: float
    "Median aperture of uw, w."
    bitten_gap: float
    "The same of f, v."
    round_width: float
    "Median width of the mouth in o, u, w over that in aa, ae, eh; below 1 where lips round."
    open_over_closed: float
    open_over_round: float
    silence_gap_max: float
    silence_motion_max: float
    "Largest aperture, and step from frame to frame, more than SILENCE_MARGIN_S from any speech."
    jitter: float
    "Mean size of the second difference of the aperture inside speech."
    jitter_real: float
    spectrum: tuple[float, ...]
    """Amplitude of the movement of the aperture over that of real lips, in speech, for each of BANDS_HZ."""


BANDS_HZ = ((0.5, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0))
SILENCE_MARGIN_S = 0.28


def gap_row(face_model: Path, names: Sequence[str]) -> tuple[float, np.ndarray]:
    """Gap between the lips at rest, and for one unit of each ARKit name, of a .npz of ICT-FaceKit; names
    without a shape there get 0."""
    from audio2expr.training.shapes import face_model_gap

    gap, shapes = face_model_gap(face_model)
    rest = gap(0.0)
    row = np.zeros(len(names))
    for i, name in enumerate(names):
        sides = [f"{name}_L", f"{name}_R"] if name in ("browInnerUp", "cheekPuff") else [name]
        if name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            sides = [s.removesuffix("Left") + "_L" if s.endswith("Left") else s for s in sides]
            sides = [s.removesuffix("Right") + "_R" if s.endswith("Right") else s for s in sides]
        row[i] = sum(gap(shapes[s]) - rest for s in sides if s in shapes)
    return rest, row


def _width_row(names: Sequence[str]) -> np.ndarray:
    plain = [name.removesuffix("Left").removesuffix("Right") for name in names]
    return np.array(
        [shapes.WIDTH.get(p, 0.0) / (1 if p == n else 2) for p, n in zip(plain, names, strict=True)]
    )


def speech_span(phones: list[Phone], n_frames: int) -> slice:
    """Frames whose middle lies between the first phone and the last one that are no silence."""
    spoken = [p for p in phones if p.name != SILENCE]
    first = int(np.ceil(spoken[0].start_s / FRAME_S - 0.5))
    return slice(max(first, 0), min(int(np.ceil(spoken[-1].end_s / FRAME_S - 0.5)), n_frames))


def _middles_inside(phone: Phone, n_frames: int) -> np.ndarray:
    first, stop = int(np.ceil(phone.start_s / FRAME_S - 0.5)), int(np.ceil(phone.end_s / FRAME_S - 0.5))
    return np.arange(max(first, 0), min(stop, n_frames))


def _touched(phone: Phone, n_frames: int) -> np.ndarray:
    return np.arange(
        max(int(phone.start_s / FRAME_S + 1e-6), 0), min(int(np.ceil(phone.end_s / FRAME_S - 1e-6)), n_frames)
    )


def _wholly_inside(phone: Phone, n_frames: int) -> np.ndarray:
    first, stop = int(np.ceil(phone.start_s / FRAME_S - 1e-6)), int(phone.end_s / FRAME_S + 1e-6)
    return np.arange(max(first, 0), min(stop, n_frames))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return (
        float(np.corrcoef(a, b)[0, 1]) if len(a) > 2 and a.std() > 1e-9 and b.std() > 1e-9 else float("nan")
    )


def _follow(tracks: list[Track]) -> tuple[float, float, float]:
    """Correlation with the real lips, with the next clip's, and the best offset in frames."""
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    others: list[tuple[np.ndarray, np.ndarray]] = []
    lagged: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {lag: [] for lag in range(-LAGS, LAGS + 1)}
    filmed = [t for t in tracks if t.real is not None]
    for i, track in enumerate(filmed):
        assert track.real is not None
        n = min(len(track.gap), len(track.real))
        span = speech_span(track.phones, n)
        pairs.append((track.gap[span], track.real[span]))
        other = filmed[(i + 1) % len(filmed)]
        strange = other.gap[speech_span(other.phones, len(other.gap))]
        m = min(len(strange), span.stop - span.start)
        others.append((strange[:m], track.real[span][:m]))
        for lag, parts in lagged.items():
            at = np.arange(span.start, span.stop)
            at = at[(at + lag >= 0) & (at + lag < n)]
            parts.append((track.gap[at + lag], track.real[at]))
    if not pairs:
        return (float("nan"),) * 3

    def together(parts: list[tuple[np.ndarray, np.ndarray]]) -> float:
        return _correlation(np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts]))

    curve = np.array([together(lagged[lag]) for lag in range(-LAGS, LAGS + 1)])
    if not np.isfinite(curve).any():
        return (float("nan"),) * 3
    best = int(np.nanargmax(curve))
    shift = 0.0
    if 0 < best < 2 * LAGS:
        bend = curve[best - 1] - 2 * curve[best] + curve[best + 1]
        shift = float(0.5 * (curve[best - 1] - curve[best + 1]) / bend)
    return together(pairs), together(others), best - LAGS + shift


def _median_gap(tracks: list[Track], names: frozenset[str]) -> float:
    parts = [t.gap[_middles_inside(p, len(t.gap))] for t in tracks for p in t.phones if p.name in names]
    values = np.concatenate(parts) if parts else np.zeros(0)
    return float(np.median(values)) if len(values) else float("nan")


def _closures(tracks: list[Track]) -> tuple[list[bool], list[bool]]:
    touched, strict = [], []
    for track in tracks:
        n = len(track.gap)
        for phone in track.phones:
            if phone.name in BILABIAL and phone.start_s < n * FRAME_S:
                touched.append(bool((track.gap[_touched(phone, n)] < CLOSED_BELOW).any()))
                frames = _middles_inside(phone, n)
                if not len(frames):
                    frames = np.array([min(int((phone.start_s + phone.end_s) / 2 / FRAME_S), n - 1)])
                strict.append(bool((track.gap[frames] < CLOSED_BELOW).any()))
    return touched, strict


def _false_closures(tracks: list[Track], frames_of: Callable[[Phone, int], np.ndarray]) -> float:
    count, time_s = 0, 0.0
    for track in tracks:
        for phone in track.phones:
            if phone.name in VOWELS:
                frames = frames_of(phone, len(track.gap))
                time_s += phone.end_s - phone.start_s
                count += bool(len(frames) and (track.gap[frames] < CLOSED_BELOW).any())
    return count / time_s if time_s else float("nan")


def _silence(tracks: list[Track]) -> tuple[float, float]:
    gaps, steps = [0.0], [0.0]
    for track in tracks:
        middles = (np.arange(len(track.gap)) + 0.5) * FRAME_S
        far = np.ones(len(middles), bool)
        for phone in track.phones:
            if phone.name != SILENCE:
                far &= (middles < phone.start_s - SILENCE_MARGIN_S) | (
                    middles > phone.end_s + SILENCE_MARGIN_S
                )
        gaps += list(track.gap[far])
        steps += list(np.abs(np.diff(track.gap))[far[1:] & far[:-1]])
    return float(max(gaps)), float(max(steps))


def _jitter(curves: list[np.ndarray]) -> float:
    parts = [np.abs(np.diff(c, 2)) for c in curves if len(c) > 3]
    return float(np.concatenate(parts).mean()) if parts else float("nan")


def _round_width(tracks: list[Track]) -> float:
    medians = []
    for names in (ROUNDED, OPEN_VOWELS):
        parts = [
            t.width[_middles_inside(p, len(t.width))]
            for t in tracks
            if t.width is not None
            for p in t.phones
            if p.name in names
        ]
        medians.append(float(np.median(np.concatenate(parts))) if parts else float("nan"))
    return medians[0] / medians[1]


def _band_power(curves: list[np.ndarray]) -> np.ndarray:
    """Power of the curves in BANDS_HZ, summed over stretches of SPECTRUM_FRAMES that overlap by half."""
    n = SPECTRUM_FRAMES
    hertz = np.fft.rfftfreq(n, FRAME_S)
    total = np.zeros(len(hertz))
    for curve in curves:
        for start in range(0, len(curve) - n + 1, n // 2):
            part = curve[start : start + n]
            total += np.abs(np.fft.rfft((part - part.mean()) * np.hanning(n))) ** 2
    return np.array([total[(hertz >= low) & (hertz < high)].sum() for low, high in BANDS_HZ])


def _spectrum(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, ...]:
    ours, real = (_band_power([pair[i] for pair in pairs]) for i in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return tuple(float(v) for v in np.sqrt(ours / real))


def measure(tracks: list[Track]) -> MouthReport:
    """Everything the acceptance check asks, over all tracks together."""
    r, mismatched, offset = _follow(tracks)
    touched, strict = _closures(tracks)
    open_gap, closed_gap, round_gap = (
        _median_gap(tracks, names) for names in (OPEN_VOWELS, BILABIAL, ROUND_PHONES)
    )
    silence_gap, silence_motion = _silence(tracks)
    spoken = [(t, speech_span(t.phones, len(t.gap))) for t in tracks]
    return MouthReport(
        clips=len(tracks),
        r=r,
        r_mismatched=mismatched,
        offset_frames=offset,
        closure_recall=float(np.mean(touched)) if touched else float("nan"),
        closure_recall_strict=float(np.mean(strict)) if strict else float("nan"),
        bilabials=len(touched),
        false_closures_per_s=_false_closures(tracks, _middles_inside),
        false_closures_inside_per_s=_false_closures(tracks, _wholly_inside),
        open_vowel_gap=open_gap,
        closed_phone_gap=closed_gap,
        round_gap=round_gap,
        open_over_closed=open_gap / max(closed_gap, 1e-3),
        open_over_round=open_gap / max(round_gap, 1e-3),
        silence_gap_max=silence_gap,
        silence_motion_max=silence_motion,
        jitter=_jitter([t.gap[span] for t, span in spoken]),
        jitter_real=_jitter([t.real[span] for t, span in spoken if t.real is not None]),
        bitten_gap=_median_gap(tracks, BITTEN),
        round_width=_round_width(tracks),
        spectrum=_spectrum([(t.gap[span], t.real[span]) for t, span in spoken if t.real is not None]),
    )


def as_text(report: MouthReport) -> str:
    shown = {k: v if isinstance(v, tuple) else (v,) for k, v in asdict(report).items()}
    return "\n".join(f"{key:28s} {' '.join(f'{v:.4g}' for v in values)}" for key, values in shown.items())


def read_motion(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and weights [frames, names] of a motion file of the engine."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return tuple(content["names"]), np.array([frame["weights"] for frame in content["frames"]], float)


def speak_clip(model: object, path: Path) -> np.ndarray:
    """Weights of a whole sound file of 16 kHz by a model's own stream, float [frames, names]."""
    import soundfile

    from audio2expr import Audio2Expr

    assert isinstance(model, Audio2Expr)
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != 16_000:
        raise ValueError(f"{path}: {rate} Hz; this evaluation wants 16000 Hz")
    stream = model.stream()
    return np.concatenate([stream.push(samples).weights, stream.flush().weights])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", type=Path, help="folder with lips.json, phones.json, NAME.flac")
    parser.add_argument("--face-model", type=Path, help=".npz of ICT-FaceKit: the gap of the weights")
    parser.add_argument(
        "--parity",
        type=int,
        choices=(0, 1),
        default=1,
        help="which of the clips sorted by name (default: the odd ones)",
    )
    parser.add_argument("--weights", type=Path, default=Path(__file__).parents[1] / "weights" / "base")
    parser.add_argument(
        "--motion", type=Path, help="folder of NAME.json motion files, instead of the net alone"
    )
    parser.add_argument("--speech", type=Path, nargs="+", help="session files (.npz) of corpus.py")
    parser.add_argument("--condition", default="clean", help="one of conditions.CONDITIONS, or all")
    args = parser.parse_args()
    if args.speech:
        _print_speech(args.speech, args.weights, args.condition)
    elif args.grid and args.face_model:
        clips = load_grid(args.grid, args.parity)
        report = measure(_tracks(clips, args.face_model, args.weights, args.motion))
        print(as_text(report))
        print(json.dumps(asdict(report)))
    else:
        parser.error("give --speech FILE.npz …, or --grid FOLDER with --face-model MODEL.npz")


def _print_speech(files: list[Path], weights: Path, condition: str) -> None:
    from audio2expr import Audio2Expr
    from audio2expr.training import conditions

    model = Audio2Expr.load(weights)
    found = {}
    for name in conditions.CONDITIONS if condition == "all" else [condition]:
        found[name] = conditions.by_voice(model, files, name)
        print(f"{name}\n{conditions.as_table(found[name])}\n", flush=True)
    still = conditions.quiet(model)
    print("largest step where nobody speaks:", {k: round(v, 4) for k, v in still.items()})
    print(json.dumps({"voices": found, "quiet": still}))


def _tracks(clips: list[RealClip], face_model: Path, weights: Path, motion: Path | None) -> list[Track]:
    from audio2expr import Audio2Expr

    model = None if motion else Audio2Expr.load(weights)
    tracks = []
    for clip in clips:
        if model is None:
            assert motion is not None
            names, values = read_motion(motion / f"{clip.name}.json")
        else:
            names, values = model.names, speak_clip(model, clip.samples_path)
        rest, row = gap_row(face_model, names)
        width = shapes.WIDTH_AT_REST + values @ _width_row(names)
        tracks.append(Track(clip.name, clip.phones, rest + values @ row, clip.gap, width))
    return tracks


if __name__ == "__main__":
    main()
