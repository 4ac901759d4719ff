"""Text -> emotion: `Reader` reads sentences in the languages it knows, `TextEmotion` English ones,
`split_text` makes them. text_emotion.hugging_face reads other models.
"""

from text_emotion.model import TextEmotion
from text_emotion.reader import Reader
from text_emotion.segments import TextSpan, split_text

__all__ = ["Reader", "TextEmotion", "TextSpan", "split_text"]
