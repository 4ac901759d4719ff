"""Which emotion a common emoji or text emoticon shows: a table, and how to find its entries. Knows no
model.
"""

from __future__ import annotations

import re

_SYMBOLS: dict[str, str] = {
    "anger": "😠😡🤬😤👿💢🖕😾",
    "disgust": "🤢🤮🤧😖💩🙄😒",
    "fear": "😨😰😱😧😟🫣🫨😬",
    "joy": (
        "😀😃😄😁😆😅😂🤣🙂😊😇🥰😍🤩😘😗😚😙😋😛😜🤪😝🤗😎🥳😌😉🤠🤭😺😸😹😻😽"
        "🙌👏👍🎉🎊🥂💃🕺🏆🌞🫶❤🧡💛💚💙💜🩷🩵💖💗💕💞💘💝💓♥☺"
    ),
    "neutral": "😐😑😶🫥🤔",
    "sadness": "😢😭😞😔🙁☹😥😪😓😩😫🥺😿💔😣😕🥀🖤🥲",
    "surprise": "😮😯😲🤯😳🙀🫢⁉",
}

EMOJI: dict[str, str] = {symbol: emotion for emotion, symbols in _SYMBOLS.items() for symbol in symbols}
"Single code points; joiners, skin tones and variation selectors around them are the pattern's business."

EMOTICONS: dict[str, str] = {
    ":)": "joy", ":-)": "joy", "=)": "joy", ":D": "joy", ":-D": "joy", "=D": "joy", ";)": "joy", ";-)": "joy",
    ":P": "joy", ":-P": "joy", "<3": "joy", "^^": "joy", "^_^": "joy", "xD": "joy", "XD": "joy",
    ":(": "sadness", ":-(": "sadness", "=(": "sadness", ":'(": "sadness", ":'-(": "sadness", "</3": "sadness",
    "T_T": "sadness", ">:(": "anger", ">:-(": "anger", "D:<": "anger", ":O": "surprise", ":-O": "surprise",
    ":o": "surprise", ":-o": "surprise", "O_O": "surprise", "o_O": "surprise", "O_o": "surprise",
}  # fmt: skip
"Only what cannot be read as anything else, and only standing alone: between blanks or punctuation."

_SEQUENCES: dict[str, str] = {"😮\u200d💨": "sadness", "😶\u200d🌫": "neutral"}
"Joined emoji that show something else than their first face."

_MODIFIER = "[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]"
_ANY_EMOJI = "[" + "".join(EMOJI) + "]"
_JOINED = f"\u200d[\u2190-\u2bff\U0001f300-\U0001faff]{_MODIFIER}*"
# A whole joined sequence (😮‍💨, ❤️‍🔥) is one symbol that its first part decides; a heart inside a family is
# not a heart.
_SEQUENCE = f"(?<!\u200d){_ANY_EMOJI}{_MODIFIER}*(?:{_JOINED})*"
_ALONE = r"\s.,!?…)\"'"
_EMOTICON = "|".join(re.escape(text) for text in sorted(EMOTICONS, key=len, reverse=True))
PATTERN = re.compile(f"(?P<emoji>{_SEQUENCE})|(?P<emoticon>(?<![^{_ALONE}])(?:{_EMOTICON})(?![^{_ALONE}]))")
"Finds the next emoji sequence or emoticon; `emotion_of` names what it shows."


def emotion_of(match: re.Match[str]) -> str:
    """The emotion's name for a match of PATTERN."""
    symbol = match.group()
    if match.lastgroup == "emoticon":
        return EMOTICONS[symbol]
    return _SEQUENCES.get(re.sub(_MODIFIER, "", symbol), EMOJI[symbol[0]])
