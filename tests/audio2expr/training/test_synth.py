"""Phones out of each synthesiser's own labels; the engines themselves speak where they are installed."""

from __future__ import annotations

import ctypes.util
import itertools
import shutil

import numpy as np
import pytest

from audio2expr.training import neural, synth, texts, voices
from audio2expr.training.phones import (
    FINNISH,
    INDIC,
    PHONE_INDEX,
    Phone,
    from_arpabet,
    from_festival,
    from_ipa,
    split_diphthongs,
)
from audio2expr.training.synth import Voice


def test_ipa_is_read_longest_first() -> None:
    assert from_ipa("tʃ") == ["ch"]
    assert from_ipa("aɪ") == ["aa", "ih"]
    assert from_ipa("ts.h") == ["ch"]
    assert from_ipa("iː") == ["iy"]
    assert from_ipa("ɐ̃ʊ̃") == ["ah", "uh"]
    assert from_ipa("") == []


def test_alphabets_meet() -> None:
    assert from_arpabet("AH0") == from_arpabet("ax") == "ah"
    assert from_arpabet("pau") == from_festival("#") == "sil"
    assert from_festival("th") == "th" and from_festival("th", INDIC) == "t"
    assert from_festival("no such phone") is None


def test_diphthongs_become_two_vowels() -> None:
    assert [p.name for p in split_diphthongs([Phone(0, 1, "ay")])] == ["aa", "ih"]
    with pytest.raises(ValueError, match="unknown phones"):
        split_diphthongs([Phone(0, 1, "qq")])


def test_the_plain_o_and_e_of_other_languages_have_no_second_half() -> None:
    english = [Phone(0, 1, from_arpabet("ow")), Phone(1, 2, from_arpabet("EY1"))]
    assert [p.name for p in split_diphthongs(english)] == ["ow", "uw", "ey", "iy"]
    plain = [Phone(0, 1, name) for name in (*from_ipa("o"), *from_ipa("e"), str(from_festival("o")))]
    assert [p.name for p in split_diphthongs(plain)] == ["ow", "ey", "ow"]


def test_finnish_and_indian_voices_have_their_own_signs() -> None:
    assert [from_festival(s, FINNISH) for s in ("@:", "y", "7", "p:", "@")] == ["ae", "ue", "oe", "p", "ae"]
    assert from_festival("@") == "ah" and from_festival("dh", INDIC) == "d"


def test_a_neural_voice_gives_its_times_to_the_sounds() -> None:
    phones = neural.phones_of(" mˈI pˈæʧ. ", np.array([8, 2, 1, 4, 3, 2, 1, 5, 4, 2, 6]))
    names = [p.name for p in phones]
    assert names == ["sil", "m", "aa", "ih", "p", "ae", "ch", "sil", "sil"]
    assert all(a.end_s == pytest.approx(b.start_s) for a, b in itertools.pairwise(phones))
    m, p = phones[1], phones[4]
    assert m.start_s == pytest.approx(8 * 0.025 - neural.EARLY_S)
    assert p.end_s - p.start_s == pytest.approx(5 * 0.025), "its closure lies in the space before it"


def test_neural_voices_mix() -> None:
    known = {"a": np.zeros((4, 1, 256), np.float32), "b": np.ones((4, 1, 256), np.float32)}
    assert neural.style_of("a*b*0.25", known, 3)[0, 0] == pytest.approx(0.25)
    with pytest.raises(ValueError, match="no voice 'c'"):
        neural.style_of("c", known, 3)


def test_espeak_closures_move_before_the_burst() -> None:
    rate = 22_050
    events = [(0, "a"), (rate // 5, "p"), (rate // 4, "a")]
    a, p, _ = synth._espeak_phones(events, rate // 2, rate)
    assert p.name == "p" and p.start_s == pytest.approx(0.2 - synth.ESPEAK_CLOSURE_S)
    assert a.end_s == pytest.approx(p.start_s)


def test_short_nameless_stretches_belong_to_a_phone() -> None:
    ms = [
        Phone(0, 0.1, "aa"),
        Phone(0.1, 0.14, "sil"),
        Phone(0.14, 0.2, "b"),
        Phone(0.2, 0.23, "sil"),
        Phone(0.23, 0.4, "s"),
    ]
    joined = synth._absorb_gaps(ms)
    assert [(p.name, p.start_s) for p in joined] == [("aa", 0), ("b", 0.1), ("s", 0.23)]
    assert joined[1].end_s == 0.23


def test_festival_labels_are_read() -> None:
    labels = "#\n0.2000 100 pau\n0.3000 100 p\n0.5000 100 ay\n"
    assert synth._festival_phones(labels, {}) == [
        Phone(0, 0.2, "sil"),
        Phone(0.2, 0.3, "p"),
        Phone(0.3, 0.5, "ay"),
    ]
    assert synth._festival_phones("#\n0.2 100 strange\n", {}) == []


def test_held_out_voices_are_never_drawn() -> None:
    drawn = voices.draw_voices(3000, np.random.default_rng(0))
    assert not {key for key, _ in drawn} & voices.HELD_OUT.keys()
    assert {key.split(":")[0] for key, _ in drawn} == {"espeak", "flite", "festival"}


def test_every_language_has_something_to_say() -> None:
    languages = {lang for lang, _ in (*voices.NATURAL.values(), *voices.ESPEAK_LANGUAGES.values())} | set(
        voices.HELD_OUT.values()
    )
    for language in languages:
        assert texts.load_texts(None, language)


def test_chinese_is_spelled_for_espeak() -> None:
    assert texts.to_pinyin("你好") == "ni3 hao3"


@pytest.mark.skipif(ctypes.util.find_library("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_speaks() -> None:
    check_spoken(Voice("espeak", "en", "eng"))


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_speaks() -> None:
    check_spoken(Voice("flite", "slt", "eng"))


def check_spoken(voice: Voice) -> None:
    (made,) = synth.speak(voice, ["My papa baked a big pie."])
    assert made.samples.dtype == np.float32 and np.abs(made.samples).max() > 0.05
    names = [p.name for p in made.phones]
    assert sum(n in "pbm" for n in names) >= 5 and set(names) <= PHONE_INDEX.keys()
    assert made.phones[0].start_s == 0
    assert made.phones[-1].end_s == pytest.approx(len(made.samples) / 16_000, abs=1e-3)
    for before, after in zip(made.phones, made.phones[1:], strict=False):
        assert before.end_s == pytest.approx(after.start_s)
