"""The phone alphabet of the trainer and the ways into it from each synthesiser. Knows no sound and no lips.

Canonical phones are lower-case ARPAbet without diphthongs, plus three vowels that English lacks: `ue`
(French u), `oe` (French eu) and `ix` (Russian y, Chinese -i). A diphthong becomes its two vowels, since the
mouth really makes two shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SILENCE = "sil"
CONSONANTS = (
    "p",
    "b",
    "m",
    "f",
    "v",
    "th",
    "dh",
    "t",
    "d",
    "n",
    "l",
    "s",
    "z",
    "sh",
    "zh",
    "ch",
    "jh",
    "k",
    "g",
    "ng",
    "hh",
    "r",
    "w",
    "y",
)
VOWELS = ("aa", "ae", "ah", "ao", "eh", "er", "ey", "ih", "iy", "ow", "uh", "uw", "ue", "oe", "ix")
PHONES = (SILENCE, *CONSONANTS, *VOWELS)
PHONE_INDEX = {name: i for i, name in enumerate(PHONES)}
BILABIAL = frozenset("pbm")
PURSED = frozenset(("w", "uw", "ue", "uh"))
"Rounded and nearly closed."
BITTEN = frozenset(("f", "v"))
"The lower lip touches the upper teeth."
OPEN_VOWELS = frozenset(("aa", "ae", "eh"))

DIPHTHONGS = {
    "ay": ("aa", "ih"),
    "aw": ("aa", "uh"),
    "oy": ("ao", "ih"),
    "o_u": ("ow", "uw"),
    "e_i": ("ey", "iy"),
}
"""What the pieces of a diphthong are; the first takes FIRST_SHARE of the time. ARPAbet's ow and ey are o_u
and e_i: the plain o and e of most languages have no second half."""
FIRST_SHARE = 0.6

ARPABET = {
    "ow": "o_u",
    "ey": "e_i",
    "ax": "ah",
    "axr": "er",
    "dx": "d",
    "el": "l",
    "em": "m",
    "en": "n",
    "nx": "n",
    "hv": "hh",
    "ux": "uw",
    "wh": "w",
}

# International Phonetic Alphabet (espeak-ng). Order matters only in that longer keys are tried first.
IPA = {
    "tʃ": "ch", "tɕ": "ch", "tɕh": "ch", "tʂ": "ch", "ts.": "ch", "ts.h": "ch", "dʒ": "jh", "dʑ": "jh",
    "dʐ": "jh",
    "ts": "t", "tsh": "t", "dz": "d", "pf": "f",
    "p": "p", "b": "b", "ɓ": "b", "m": "m", "ɱ": "m", "f": "f", "v": "v", "ʋ": "v", "β": "v", "ɸ": "f",
    "θ": "th", "ð": "dh",
    "t": "t", "ʈ": "t", "d": "d", "ɖ": "d", "ɗ": "d", "ɾ": "d", "n": "n", "ɳ": "n", "ɲ": "n", "l": "l",
    "ɭ": "l", "ɫ": "l", "ʎ": "l", "ʟ": "l",
    "s": "s", "z": "z", "ʃ": "sh", "s.": "sh", "ʂ": "sh", "ɕ": "sh", "ç": "hh", "ʒ": "zh", "ʐ": "zh",
    "z.": "zh", "ʑ": "zh", "sx": "sh", "ɧ": "sh",
    "k": "k", "c": "k", "q": "k", "ʔ": "k", "g": "g", "ɡ": "g", "ɟ": "g", "ɣ": "g", "ŋ": "ng", "ɴ": "ng",
    "x": "hh", "χ": "hh", "h": "hh", "ħ": "hh",
    "ɦ": "hh", "ʕ": "hh", "r": "r", "ɹ": "r", "ɻ": "r", "ʀ": "r", "ʁ": "r", "ɽ": "r", "w": "w", "ʍ": "w",
    "ɥ": "ue", "j": "y",
    "a": "aa", "ä": "aa", "ɑ": "aa", "ɒ": "ao", "æ": "ae", "ɐ": "ah", "ʌ": "ah", "ə": "ah", "ɵ": "oe",
    "ɘ": "ah", "ɜ": "er", "ɚ": "er", "ɝ": "er", "ɞ": "er",
    "e": "ey", "ɛ": "eh", "i": "iy", "ɪ": "ih", "ɨ": "ix", "o": "ow", "ɔ": "ao", "ɤ": "ah", "u": "uw",
    "ʊ": "uh", "ɯ": "ix", "y": "ue", "ʏ": "ue",
    "ʉ": "ue", "ø": "oe", "œ": "oe", "i.": "ix",
}  # fmt: skip

# Festival's alphabets beyond ARPAbet: Italian, Catalan, Russian, Czech, Finnish and Indian voices together.
FESTIVAL = {
    "#": "sil", "_": "sil", "pau": "sil", "sil": "sil", "h#": "sil", "H#": "sil", "brth": "sil",
    "ssil": "sil", "SIL": "sil",
    "a": "aa", "a1": "aa", "a:": "aa", "A": "aa", "e": "ey", "e1": "ey", "e:": "ey", "E": "eh", "E1": "eh",
    "i": "iy", "i1": "iy", "i:": "iy", "o": "ow",
    "o1": "ow", "o:": "ow", "O": "ao", "O1": "ao", "u": "uw", "u1": "uw", "u:": "uw", "ax1": "ah", "@": "ah",
    "ii": "iy", "uu": "uw", "oo": "ow", "ee": "ey",
    "yy": "ix", "aaN": "aa", "mm": "m", "nn": "n", "pp": "p", "bb": "b", "ff": "f", "vv": "v", "tt": "t",
    "dd": "d", "ss": "s", "zz": "z",
    "ll": "l", "rr": "r", "kk": "k", "gg": "g", "hh": "hh", "c": "t", "j": "y", "x": "hh", "ts": "t",
    "tS": "ch", "dZ": "jh", "dz": "d", "S": "sh", "Z": "zh",
    "SS": "sh", "nf": "m", "ng": "ng", "J": "n", "L": "l", "LL": "l", "n~": "n", "N": "ng", "n*": "ng",
    "D": "dh", "B": "v", "G": "g", "sch": "sh", "zh": "zh",
    "h": "hh", "H": "hh", "bh": "b", "ph": "p", "dh": "d", "Dh": "d", "th": "t", "Th": "t", "T": "t",
    "gh": "g", "kh": "k", "jh": "jh", "ch": "ch", "cC": "ch",
    "sC": "sh", "shC": "sh", "zC": "zh", "nj": "n", "tj": "t", "dj": "d", "c~": "ch", "s~": "sh", "z~": "zh",
    "r~": "zh", "t~": "t", "d~": "d", "q": "k", "R": "r", "rx": "r",
    "Lh": "l", "nD": "n", "nN": "n", "nG": "ng", "nB": "m", "oh": "ow", "tth": "t", "ddh": "d", "ur": "uw",
}  # fmt: skip
INDIC = {
    "dh": "d", "th": "t", "ph": "p", "jh": "jh", "ay": "ey", "aw": "ow", "c": "ch", "eh": "eh", "ow": "ow",
    "ey": "ey",
}  # fmt: skip
"Indian voices write aspirated stops like English fricatives."
FINNISH = {"@": "ae", "y": "ue", "7": "oe", "d": "d", "##": "sil"}
"Finnish voices write their front vowels with signs that mean others elsewhere."

VOICELESS_STOPS = frozenset(("p", "t", "k", "ch"))
STOPS = VOICELESS_STOPS | frozenset(("b", "d", "g", "jh"))


class Phone(NamedTuple):
    """One phone in time."""

    start_s: float
    end_s: float
    name: str
    "One of PHONES."


def split_diphthongs(phones: list[Phone]) -> list[Phone]:
    """Phones whose names may be diphthongs -> canonical ones only; neighbours of one name stay apart."""
    out = []
    for phone in phones:
        if phone.name in DIPHTHONGS:
            first, second = DIPHTHONGS[phone.name]
            middle = phone.start_s + FIRST_SHARE * (phone.end_s - phone.start_s)
            out += [Phone(phone.start_s, middle, first), Phone(middle, phone.end_s, second)]
        else:
            out.append(phone)
    unknown = sorted({p.name for p in out} - PHONE_INDEX.keys())
    if unknown:
        raise ValueError(f"unknown phones {unknown}; known are {PHONES}")
    return out


def from_arpabet(symbol: str) -> str:
    """ARPAbet, any case, with or without stress -> canonical phone or diphthong."""
    symbol = symbol.lower().rstrip("012")
    return FESTIVAL[symbol] if symbol in ("pau", "sil", "h#", "ssil", "brth") else ARPABET.get(symbol, symbol)


def from_festival(symbol: str, own: Mapping[str, str] | None = None) -> str | None:
    """A Festival voice's symbol -> canonical phone or diphthong; None where it is unknown. own: what the
    voice writes differently, INDIC or FINNISH; a colon marks length."""
    plain = symbol.rstrip(":") or symbol
    if own:
        for candidate in (symbol, plain):
            if candidate in own:
                return own[candidate]
    known = ARPABET.get(symbol, symbol)
    if known in PHONE_INDEX or known in DIPHTHONGS:
        return known
    return FESTIVAL.get(symbol) or (FESTIVAL.get(plain, plain if plain in PHONE_INDEX else None))


def from_ipa(symbol: str) -> list[str]:
    """An espeak-ng phoneme, perhaps long, nasal or a diphthong -> canonical phones, in order; empty for a
    stress or tone mark.

    KeyError names a symbol with nothing known in it.
    """
    out: list[str] = []
    rest = symbol
    while rest:
        for size in range(min(4, len(rest)), 0, -1):
            if rest[:size] in IPA:
                out.append(IPA[rest[:size]])
                rest = rest[size:]
                break
        else:
            rest = rest[1:]  # length, nasal, stress and palatal marks leave the shape of the lips alone
    return out
