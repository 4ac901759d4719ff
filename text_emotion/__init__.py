"""Text -> emotion: `TextEmotion` reads sentences, `split_text` makes them. text_emotion.hugging_face reads
other models.
"""

from text_emotion.model import TextEmotion
from text_emotion.segments import TextSpan, split_text

__all__ = ["TextEmotion", "TextSpan", "split_text"]
