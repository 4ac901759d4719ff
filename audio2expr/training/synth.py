"""Phone-timed speech from espeak-ng, flite and Festival (all ordinary Debian packages). Knows nothing of
features or lips.

Natural voices matter more than hours: flite's awb, rms and slt and Festival's unit voices are statistics of
real speakers. Every engine gives 16 kHz mono float32 and the same canonical phones.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from audio2expr.training import neural
from audio2expr.training.phones import (
    FINNISH,
    INDIC,
    SILENCE,
    STOPS,
    VOICELESS_STOPS,
    Phone,
    from_arpabet,
    from_festival,
    from_ipa,
    split_diphthongs,
)

SAMPLE_RATE = 16_000
ESPEAK_CLOSURE_S = 0.04
"""espeak-ng stamps p, t, k, tʃ at the burst; the silent closure of about 40 ms lies before it, in the phone
before."""
ESPEAK_GAP_S = 0.06
"""Nameless stretches up to this long are no pauses: before a stop they are its closure, elsewhere the end of
the phone before."""


@dataclass(frozen=True)
class Voice:
    """Who speaks and how; every factor is relative to the voice's own habit."""

    engine: str
    "espeak, flite, festival or kokoro."
    name: str
    language: str
    "Which texts suit it: a code of texts.py."
    rate: float = 1.0
    "Speed of speech, 0.6 .. 1.6."
    pitch: float = 1.0
    "Mean pitch, 0.6 .. 1.6."
    pitch_range: float = 1.0
    "Spread of pitch, 0 .. 2.5."
    style: str = "neutral"
    "One of voices.STYLES: what the factors above try to sound like."

    @property
    def key(self) -> str:
        return f"{self.engine}:{self.name}"


@dataclass(frozen=True)
class Utterance:
    """Speech whose phones are known."""

    voice: Voice
    samples: np.ndarray
    "float32 [n], mono 16 kHz."
    phones: list[Phone] = field(default_factory=list)
    "Canonical, in order, without gaps from 0 to the end."


class EngineMissingError(RuntimeError):
    """A synthesiser is not installed."""


def speak(voice: Voice, texts: list[str]) -> list[Utterance]:
    """One utterance for each text that the engine managed; EngineMissingError says which package to
    install."""
    engines = {
        "espeak": _speak_espeak, "flite": _speak_flite, "festival": _speak_festival, "kokoro": _speak_kokoro,
    }  # fmt: skip
    made = engines[voice.engine](voice, texts)
    return [
        Utterance(voice, samples, _without_gaps(phones, len(samples)))
        for samples, phones in made
        if len(phones) > 2
    ]


def _without_gaps(phones: list[Phone], n_samples: int) -> list[Phone]:
    """Fill what lies between and around the phones with silence, and cut at the end."""
    end_s = n_samples / SAMPLE_RATE
    out: list[Phone] = []
    time_s = 0.0
    for start_s, stop_s, name in phones:
        start_s, stop_s = max(start_s, time_s), min(stop_s, end_s)
        if stop_s - start_s < 1e-4:
            continue
        if start_s - time_s > 0.005:
            out.append(Phone(time_s, start_s, SILENCE))
        elif start_s > time_s:
            start_s = time_s
        out.append(Phone(start_s, stop_s, name))
        time_s = stop_s
    if end_s - time_s > 1e-4:
        out.append(Phone(time_s, end_s, SILENCE))
    return split_diphthongs(out)


def _to_rate(samples: np.ndarray, rate: int) -> np.ndarray:
    return np.asarray(
        samples if rate == SAMPLE_RATE else soxr.resample(samples, rate, SAMPLE_RATE), np.float32
    )


# --- flite ------------------------------------------------------------

FLITE_PITCH_HZ = {"slt": 170.0, "awb": 125.0, "rms": 95.0, "kal16": 105.0}


def _speak_flite(voice: Voice, texts: list[str]) -> list[tuple[np.ndarray, list[Phone]]]:
    program = shutil.which("flite")
    if program is None:
        raise EngineMissingError("flite is not installed: apt-get install flite")
    made = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        for text in texts:
            settings = {
                "duration_stretch": 1 / voice.rate,
                "int_f0_target_mean": FLITE_PITCH_HZ[voice.name] * voice.pitch,
                "int_f0_target_stddev": 14 * voice.pitch * voice.pitch_range,
            }
            options = [part for key, value in settings.items() for part in ("--setf", f"{key}={value:.4f}")]
            command = [program, "-voice", voice.name, *options, "-psdur", "-t", text, "-o", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                continue
            samples, rate = soundfile.read(path, dtype="float32")
            phones, start_s = [], 0.0
            for symbol, end in re.findall(r"(\S+):([\d.]+)", done.stdout):
                phones.append(Phone(start_s, float(end), from_arpabet(symbol)))
                start_s = float(end)
            made.append((_to_rate(samples, rate), phones))
    return made


# --- Festival ------------------------------------------------------------

_FESTIVAL_SCRIPT = """
(define (say text path)
  (unwind-protect
    (let ((u (utt.synth (eval (list 'Utterance 'Text text)))))
      (utt.save.segs u (string-append path ".lab"))
      (utt.save.wave u (string-append path ".wav")))
    nil))
"""


def _speak_festival(voice: Voice, texts: list[str]) -> list[tuple[np.ndarray, list[Phone]]]:
    program = shutil.which("festival")
    if program is None:
        raise EngineMissingError(
            "festival is not installed: apt-get install festival and the voices named in voices.py"
        )
    encoding = _festival_encoding(voice.name)
    own = _festival_signs(voice.name)
    made = []
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            _FESTIVAL_SCRIPT,
            f"({voice.name})",
            f"(Parameter.set 'Duration_Stretch {1 / voice.rate:.4f})",
        ]
        for i, text in enumerate(texts):
            quoted = text.replace("\\", " ").replace('"', " ")
            lines.append(f'(say "{quoted}" "{folder}/{i:05d}")')
        script = Path(folder, "say.scm")
        script.write_bytes("\n".join(lines).encode(encoding, "ignore"))
        quiet = subprocess.DEVNULL  # a pipe would be held open by the helpers that some voices start
        subprocess.run(
            [program, "-b", str(script)], stdin=quiet, stdout=quiet, stderr=quiet, check=False, timeout=600
        )
        for path in sorted(Path(folder).glob("*.wav")):
            labels = path.with_suffix(".lab").read_text(encoding=encoding, errors="replace")
            phones = _festival_phones(labels, own)
            samples, rate = soundfile.read(path, dtype="float32")
            if phones and len(samples) > rate // 2:
                made.append((_to_rate(samples, rate), phones))
    return made


def _festival_encoding(voice_name: str) -> str:
    if voice_name.startswith("voice_czech"):
        return "iso-8859-2"
    return "iso-8859-1" if voice_name.startswith(("voice_suo_fi", "voice_hy_fi")) else "utf-8"


def _festival_signs(voice_name: str) -> Mapping[str, str]:
    if voice_name.startswith(("voice_suo_fi", "voice_hy_fi")):
        return FINNISH
    return INDIC if "NSK" in voice_name else {}


def _festival_phones(labels: str, own: Mapping[str, str]) -> list[Phone]:
    """The segments of a label file; empty where a symbol is unknown."""
    phones, start_s = [], 0.0
    for line in labels.splitlines():
        match = re.match(r"\s*([\d.]+)\s+\d+\s+(\S+)", line)
        if not match:
            continue
        name = from_festival(match[2], own)
        if name is None:
            return []
        phones.append(Phone(start_s, float(match[1]), name))
        start_s = float(match[1])
    return phones


# --- Kokoro ------------------------------------------------------------


def _speak_kokoro(voice: Voice, texts: list[str]) -> list[tuple[np.ndarray, list[Phone]]]:
    return [
        (_to_rate(samples, rate), _absorb_gaps(phones))
        for samples, rate, phones in neural.speak_kokoro(voice, texts)
    ]


# --- espeak-ng ------------------------------------------------------------


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("id",
        _EventId),
    ]  # fmt: skip


_PHONEME_EVENT = 7
_SYNCHRONOUS, _PHONEMES_IN_IPA, _UTF8 = 2, 1 | 2, 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Espeak:
    """libespeak-ng with phoneme events; one a process, since the library has one global state."""

    def __init__(self) -> None:
        try:
            self.library = ctypes.CDLL("libespeak-ng.so.1")
        except OSError as error:
            raise EngineMissingError("libespeak-ng is not installed: apt-get install espeak-ng") from error
        self.audio: list[np.ndarray] = []
        self.events: list[tuple[int, str]] = []
        self.callback = _CALLBACK(self._receive)
        self.rate = self.library.espeak_Initialize(_SYNCHRONOUS, 200, None, _PHONEMES_IN_IPA)
        self.library.espeak_SetSynthCallback(self.callback)

    def _receive(self, wave: Any, count: int, events: Any) -> int:
        if count > 0 and wave:
            self.audio.append(np.ctypeslib.as_array(wave, shape=(count,)).copy())
        i = 0
        while events[i].type != 0:
            if events[i].type == _PHONEME_EVENT:
                raw = ctypes.string_at(ctypes.addressof(events[i].id), 8).split(b"\0")[0]
                self.events.append((events[i].sample, raw.decode("utf-8", "ignore")))
            i += 1
        return 0

    def speak(self, voice: Voice, text: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
        self.audio.clear()
        self.events.clear()
        if self.library.espeak_SetVoiceByName(voice.name.encode()):
            raise ValueError(f"espeak-ng has no voice {voice.name!r}; `espeak-ng --voices` lists them")
        self.library.espeak_SetParameter(_RATE, int(np.clip(165 * voice.rate, 80, 400)), 0)
        self.library.espeak_SetParameter(_PITCH, int(np.clip(50 * voice.pitch, 0, 99)), 0)
        self.library.espeak_SetParameter(_RANGE, int(np.clip(50 * voice.pitch_range, 0, 99)), 0)
        raw = text.encode() + b"\0"
        self.library.espeak_Synth(raw, len(raw), 0, 1, 0, _UTF8, None, None)
        self.library.espeak_Synchronize()
        audio = np.concatenate(self.audio) if self.audio else np.zeros(0, np.int16)
        return audio, list(self.events)


@cache
def _espeak() -> _Espeak:
    return _Espeak()


def _speak_espeak(voice: Voice, texts: list[str]) -> list[tuple[np.ndarray, list[Phone]]]:
    engine = _espeak()
    made = []
    for text in texts:
        audio, events = engine.speak(voice, text)
        if len(audio) > engine.rate // 2:
            phones = _espeak_phones(events, len(audio), engine.rate)
            made.append((_to_rate(audio.astype(np.float32) / 32768, engine.rate), phones))
    return made


def _espeak_phones(events: list[tuple[int, str]], n_samples: int, rate: int) -> list[Phone]:
    """Events (a phone's start each) -> phones, with the closures of voiceless stops moved to where they are
    heard."""
    ends = [sample for sample, _ in events[1:]] + [n_samples]
    phones: list[Phone] = []
    for (sample, symbol), end in zip(events, ends, strict=True):
        names = from_ipa(symbol) or [SILENCE]
        cuts = [float(cut) for cut in np.linspace(sample, end, len(names) + 1) / rate]
        phones += [Phone(a, b, name) for a, b, name in zip(cuts[:-1], cuts[1:], names, strict=True)]
    phones = _absorb_gaps(phones)
    for i in range(1, len(phones)):
        before, stop = phones[i - 1], phones[i]
        if stop.name in VOICELESS_STOPS:
            moved = min(ESPEAK_CLOSURE_S, 0.5 * (before.end_s - before.start_s))
            phones[i - 1] = Phone(before.start_s, before.end_s - moved, before.name)
            phones[i] = Phone(stop.start_s - moved, stop.end_s, stop.name)
    return phones


def _absorb_gaps(phones: list[Phone]) -> list[Phone]:
    """Join silences that follow each other, then give the short ones between phones to those they belong
    to."""
    joined: list[Phone] = []
    for phone in phones:
        if joined and phone.name == joined[-1].name == SILENCE:
            joined[-1] = joined[-1]._replace(end_s=phone.end_s)
        else:
            joined.append(phone)
    for i in range(1, len(joined) - 1):
        start_s, end_s, name = joined[i]
        if name == SILENCE and end_s - start_s <= ESPEAK_GAP_S:
            if joined[i + 1].name in STOPS:
                joined[i + 1] = joined[i + 1]._replace(start_s=start_s)
            else:
                joined[i - 1] = joined[i - 1]._replace(end_s=end_s)
            joined[i] = Phone(end_s, end_s, SILENCE)
    return [p for p in joined if p.end_s > p.start_s]
