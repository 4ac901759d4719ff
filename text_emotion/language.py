"""Which language a text is in, as far as text_emotion reads it: by script, and for Latin letters by n-grams.

A language that no model here was trained on has no name: better to say so than to read it badly.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from text_emotion.ngrams import characters, hashed

ENGLISH = "eng"
SCRIPT_SHARE = 0.4
"Share of a text's letters that a script other than Latin needs for the text to be in it."

_UKRAINIAN = re.compile("[іїєґІЇЄҐ]")
_RUSSIAN = re.compile("[ыэъёЫЭЪЁ]")
_OTHER_CYRILLIC = re.compile("[јљњћђџѓќѕўәғқңөұһЈЉЊЋЂЏЃЌЅЎӘҒҚҢӨҰҺ]")
_KANA = re.compile("[\u3040-\u30ff]")

_OTHER_WORDS = {
    "fra": "le la les est et une des du vous je nous pas que qui dans pour avec ça c'est ce au aux mon ma il "
    "elle sont très mais ou où sur tout plus bien fait être suis j'ai n'est l'on cette ne se",
    "ita": "il lo gli è che di non sono come questo della del sei un una per con mi ti ho hai ha più molto "
    "ma anche perché quando così bene tutto nel alla dei sono era",
    "nld": "de het een en is niet ik je wij van met voor op dat wat hoe zijn was ook maar naar nog aan er "
    "heel geen dit die hij ze mijn we u heb heeft om te",
    "pol": "i w nie to jest się na z że jak co do już tak ale po za od jestem są mnie bardzo czy mi tego",
    "ces": "a je to se na že v s jsem jak co ale tak není si do už za jsou byl mě velmi proč jen pro",
    "slk": "a je to sa na že v som ako čo ale tak nie si do už za sú bol ma veľmi prečo len pre",
    "tur": "ve bir bu ne için değil çok da ben sen mi ama gibi var yok daha kadar her şey o olarak",
    "dan": "og er ikke jeg det en et som på for med hvad hvordan har den til at vi du af meget men kan mig",
    "nor": "og er ikke jeg det en et som på for med hva hvordan har den til å vi du av veldig men kan meg",
    "fin": "ja on ei se että en minä sinä hän olen oli mutta niin kun kuin mitä tämä ole nyt vain myös",
    "hun": "a az és nem hogy van egy ez én te is de meg már csak mint volt nagyon lesz ki mi itt",
    "ind": "yang dan di itu ini tidak saya kamu dengan untuk dari ke ada akan sudah kami kita bisa sangat "
    "apa",
    "vie": "là và của có không tôi bạn cho với này được một những người rất đã các trong khi",
    "cat": "el la els les i és una que no amb per de molt però això són com més del al ho em",
}  # fmt: skip
"Frequent words of languages in Latin letters that no model here reads; written for this project."
_OTHERS = {language: frozenset(words.split()) for language, words in _OTHER_WORDS.items()}

_KNOWN_WORDS = {
    "eng": "the and is are was you of to it that this what how have with for not i'm don't a i my me so in "
    "on be no but if at as we he she they your do can just all or it's that's like an there one out "
    "up get",
    "deu": "der die das und ist nicht ich du wir sie ein eine mit auf für den dem zu es wie im von so mich "
    "mir war auch aber wenn dass man noch nur was am als haben bin hat",
    "esp": "el la los las y es una que de en por para con no está qué cómo muy un lo me te se mi su más pero "
    "si ya del al porque esto este cuando hay todo",
    "ptbr": "o os as e é uma que de para com não está você como muito um do da no na em eu meu minha mais "
    "mas se por isso ele ela tem foi já só ao dos das",
    "ron": "și e este nu o un de la cu pe că în să am ai a mai ce cum dar din sunt pentru care îmi mă "
    "foarte sa te eu el ea noi asta sau",
    "swe": "och är inte jag du det en ett som på för med vad hur att av till den har de om men så var vi kan "
    "mig min mycket från",
}  # fmt: skip
_KNOWN = {language: frozenset(words.split()) for language, words in _KNOWN_WORDS.items()}
_OTHER_LETTERS = re.compile("[œûùæøłąęśźżćńğışőűřůěťďľĺŕũơưđạảấầẩẫậắằẳẵặẹẻẽềểễệịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


class LanguageFinder:
    """Immutable; shared between threads."""

    def __init__(self, latin: tuple[str, ...], scores: NDArray[np.float16], margin: float) -> None:
        """latin: names of the languages in Latin letters, English among them. scores: float16 [language,
        bucket], the log probability of a character n-gram. margin: how many nats a text must be likelier in
        another language to be taken from English.
        """
        if ENGLISH not in latin or scores.shape[:1] != (len(latin),):
            raise ValueError(f"scores of shape {scores.shape} do not fit the languages {', '.join(latin)}")
        self._latin, self._scores, self._margin = latin, scores, margin

    def find(self, text: str) -> str | None:
        """The language's name, English for a text without letters, None for a language that is not known."""
        scripts = Counter(_script(c) for c in text if c.isalpha())
        scripts.pop("", None)
        letters = sum(scripts.values())
        if not letters:
            return ENGLISH
        script, count = max(
            ((s, n) for s, n in scripts.items() if s != "LATIN"), key=lambda s: s[1], default=("LATIN", 0)
        )
        # A word of German in a Russian chat is a name; a few letters of Han weigh as much as a Latin word.
        if count < SCRIPT_SHARE * letters and not (script == "CJK" and 3 * count > letters):
            return self._latin_language(text)
        if script == "CJK":
            return None if _KANA.search(text) else "chn"
        if script == "CYRILLIC":
            return _cyrillic(text)
        return "hin" if script == "DEVANAGARI" else None

    @staticmethod
    def words(text: str) -> list[str]:
        """The words that Latin languages are told apart by, in lower case."""
        return [token.lower().replace("’", "'") for token in _WORD.findall(text)]

    def _latin_language(self, text: str) -> str | None:
        tokens = self.words(text)
        known = max(sum(token in words for token in tokens) for words in _KNOWN.values())
        other = max(sum(token in words for token in tokens) for words in _OTHERS.values())
        if _OTHER_LETTERS.search(text.lower()):
            other += 1
        if other > known and other >= min(2, len(tokens)):
            return None
        numbers, counts = hashed(characters(" ".join(tokens)), self._scores.shape[1])
        fit = self._scores[:, numbers].astype(np.float32) @ counts
        best = int(fit.argmax())
        english = self._latin.index(ENGLISH)
        return self._latin[best] if fit[best] > fit[english] + self._margin else ENGLISH


def _cyrillic(text: str) -> str | None:
    if _OTHER_CYRILLIC.search(text):
        return None
    return "ukr" if len(_UKRAINIAN.findall(text)) > len(_RUSSIAN.findall(text)) else "rus"


@lru_cache(8192)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "").split(" ")[0]
    return {"HIRAGANA": "CJK", "KATAKANA": "CJK", "FULLWIDTH": "LATIN"}.get(name, name)
