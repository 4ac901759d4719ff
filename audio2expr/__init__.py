"""Speech -> mouth: MFCC front end and CNN. Stands alone: numpy in, numpy out."""

from audio2expr.model import Audio2Expr
from audio2expr.stream import Audio2ExprStream, SpeechFrames

__all__ = ["Audio2Expr", "Audio2ExprStream", "SpeechFrames"]
