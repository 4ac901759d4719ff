"""Who speaks in the training set, how much, and in which manners. Knows names of voices and their habits, no
sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio2expr.training.synth import Voice


@dataclass(frozen=True)
class Style:
    """A manner of speaking that a synthesiser can really vary; ranges are (low, high), drawn evenly."""

    rate: tuple[float, float]
    pitch: tuple[float, float]
    pitch_range: tuple[float, float]
    tilt_db: tuple[float, float]
    "Gain at 4 kHz over that at 250 Hz: pressed voices are bright, soft ones dull."
    gain_db: tuple[float, float]
    arousal: float
    "0 calm .. 1 excited."
    valence: float | None
    "0 unpleasant .. 1 pleasant; None where the manner says nothing of it."
    openness: float
    """How much wider than usual the mouth opens: loud speech has larger jaw and lip movements (Schulman 1989;
    Geumann 2001), soft speech smaller ones."""


STYLES = {
    "neutral": Style((0.88, 1.15), (0.90, 1.12), (0.7, 1.3), (-2, 2), (-3, 3), 0.35, 0.5, 1.0),
    "anger": Style((1.05, 1.40), (1.05, 1.35), (1.3, 2.2), (3, 8), (4, 9), 0.95, 0.1, 1.12),
    "joy": Style((1.00, 1.30), (1.20, 1.55), (1.5, 2.5), (0, 4), (1, 6), 0.80, 0.9, 1.06),
    "sadness": Style((0.65, 0.85), (0.80, 0.98), (0.2, 0.6), (-8, -3), (-9, -4), 0.10, 0.15, 0.92),
    "shout": Style((0.85, 1.10), (1.30, 1.60), (1.0, 2.0), (5, 11), (7, 13), 1.0, None, 1.22),
    "soft": Style((0.85, 1.10), (0.90, 1.05), (0.5, 1.0), (-9, -4), (-14, -7), 0.15, None, 0.90),
    "whisper": Style((0.80, 1.05), (0.90, 1.10), (0.5, 1.0), (-3, 3), (-18, -9), 0.25, None, 0.95),
    "fast": Style((1.35, 1.70), (0.95, 1.15), (0.7, 1.3), (-1, 2), (-3, 3), 0.6, None, 0.95),
    "slow": Style((0.60, 0.78), (0.90, 1.05), (0.7, 1.2), (-2, 1), (-3, 2), 0.25, None, 1.04),
}
EMOTIONS = ("anger", "joy", "neutral", "sadness")
"The styles that are coarse emotions; of the others only the arousal is known."

# name -> language of its texts, share of the corpus
NATURAL: dict[str, tuple[str, float]] = {
    "flite:awb": ("eng", 4.0), "flite:rms": ("eng", 4.0), "flite:slt": ("eng", 4.0),
    "flite:kal16": ("eng", 0.7),
    "festival:voice_cmu_us_slt_arctic_hts": ("eng", 0.7), "festival:voice_kal_diphone": ("eng", 0.5),
    "festival:voice_ked_diphone": ("eng", 0.5),
    "festival:voice_lp_diphone": ("ita", 0.8), "festival:voice_pc_diphone": ("ita", 0.8),
    "festival:voice_suo_fi_lj_diphone": ("fin", 0.5), "festival:voice_hy_fi_mv_diphone": ("fin", 0.5),
    "festival:voice_upc_ca_ona_hts": ("esp", 1.0),
    "festival:voice_msu_ru_nsh_clunits": ("rus", 1.5), "festival:voice_hindi_NSK_diphone": ("hin", 1.0),
    "festival:voice_marathi_NSK_diphone": ("hin", 1.0), "festival:voice_telugu_NSK_diphone": ("tel", 1.0),
    "festival:voice_czech_dita": ("ces", 0.7), "festival:voice_czech_machac": ("ces", 0.7),
    "festival:voice_czech_ph": ("ces", 0.7),
}  # fmt: skip
ESPEAK_LANGUAGES: dict[str, tuple[str, float]] = {
    "en-us": ("eng", 1.3), "en": ("eng", 1.5), "en-gb-scotland": ("eng", 0.5), "en-gb-x-rp": ("eng", 1.0),
    "cmn-latn-pinyin": ("chn", 1.5), "de": ("deu", 0.7),
    "es": ("esp", 0.7), "fr": ("fra", 0.7), "it": ("ita", 0.6), "pt-br": ("ptbr", 0.5), "ru": ("rus", 0.7),
    "hi": ("hin", 0.4), "sv": ("swe", 0.4),
    "ro": ("ron", 0.3), "fi": ("fin", 0.2), "cs": ("ces", 0.3), "uk": ("ukr", 0.3),
    "ja": ("jpn", 0.7), "tr": ("tur", 0.3),
}  # fmt: skip
ESPEAK_VARIANTS = (
    "",
    "+m1",
    "+m3",
    "+m4",
    "+m7",
    "+f1",
    "+f2",
    "+f3",
    "+f4",
    "+f5",
    "+klatt2",
    "+klatt4",
    "+Andy",
    "+Annie",
    "+linda",
    "+steph2",
    "+Michael",
    "+Alicia",
    "+john",
    "+anika",
    "+Diogo",
    "+aunty",
    "+edward2",
    "+shelby",
)
KOKORO_VOICES = (
    "jm_kumo", "jf_alpha", "jf_nezumi", "jf_tebukuro", "jf_alpha*jm_kumo*0.5", "jf_tebukuro*jm_kumo*0.65",
    "jf_nezumi*jm_kumo*0.8", "jf_alpha*jf_nezumi*0.5",
)  # fmt: skip
KOKORO_LANGUAGES = ("eng", "eng", "deu", "esp", "fra", "ita", "jpn", "chn", "rus")
"A shard of its own, since the engine is slow: every voice speaks every language, English twice as often."
ESPEAK_SHARE = 0.3
"Of the whole corpus; its timing and its many languages help, its voices are the least natural."

# never trained on: they measure how the model does with new voices and languages
HELD_OUT: dict[str, str] = {
    "festival:voice_ked_diphone": "eng", "festival:voice_msu_ru_nsh_clunits": "rus",
    "festival:voice_pc_diphone": "ita",
    "espeak:de+m5": "deu", "espeak:fr+m2": "fra", "espeak:es+m6": "esp", "espeak:it+zac": "ita",
    "espeak:ru+m2": "rus", "espeak:ja+m5": "jpn",
    "espeak:pl+f2": "pol", "espeak:nl+m3": "nld", "espeak:en-us+zac": "eng",
    "espeak:cmn-latn-pinyin+max": "chn",
}  # fmt: skip


KOKORO_HELD_OUT = {f"kokoro:jf_gongitsune@{x}": x for x in ("eng", "jpn", "deu", "fra", "esp", "chn", "ita")}
"One natural voice that is only measured with; what follows the @ keeps its languages apart in reports."


def voice_of(key: str, language: str, style: str, random: np.random.Generator) -> Voice:
    """The voice `engine:name` in a manner drawn from a style."""
    engine, name = key.split("@")[0].split(":", 1)
    manner = STYLES[style]
    rate, pitch, pitch_range = (
        float(random.uniform(*r)) for r in (manner.rate, manner.pitch, manner.pitch_range)
    )
    return Voice(engine, name, language, rate, pitch, pitch_range, style)


def draw_voices(count: int, random: np.random.Generator) -> list[tuple[str, str]]:
    """`count` pairs (key, language), drawn by the shares above and never from HELD_OUT."""
    natural = {k: v for k, v in NATURAL.items() if k not in HELD_OUT}
    shares = {key: (language, share) for key, (language, share) in natural.items()}
    scale = (
        ESPEAK_SHARE
        / (1 - ESPEAK_SHARE)
        * sum(s for _, s in natural.values())
        / sum(s for _, s in ESPEAK_LANGUAGES.values())
    )
    keys, weights = [], []
    for key, (language, share) in shares.items():
        keys.append((key, language))
        weights.append(share)
    for name, (language, share) in ESPEAK_LANGUAGES.items():
        for variant in ESPEAK_VARIANTS:
            if f"espeak:{name}{variant}" not in HELD_OUT:
                keys.append((f"espeak:{name}{variant}", language))
                weights.append(share * scale / len(ESPEAK_VARIANTS))
    probabilities = np.asarray(weights) / np.sum(weights)
    return [keys[i] for i in random.choice(len(keys), count, p=probabilities)]
