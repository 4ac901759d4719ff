"""A plot in the making: checks what was asked for, picks up what is shown, draws it into a file. Knows files,
no session.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from avatar_engine.drivers.media.speech import Speech
from avatar_engine.drivers.output import NewFile, reporting
from avatar_engine.drivers.plot.figure import check_plot, save
from avatar_engine.drivers.plot.phone_files import LabelledPhone, read_phones
from avatar_engine.drivers.plot.scene import SceneRecorder, check_span
from avatar_engine.errors import UsageError
from avatar_engine.types import EmotionScores, ExpressionFrame, Float32

PHONES_BEYOND_S = 5.0
"Phones may end so much later than the speech; beyond, they are of another file or in another unit."


class Plotting:
    """Feed it all sound and all frames in any order, then draw once inside `open`."""

    def __init__(
        self, output: Path, speech: Speech, title: str, span: Sequence[float] | None, phones: Path | None
    ) -> None:
        """Reads the phones; UsageError for another ending, a span or phones that do not fit, no
        matplotlib."""
        self.output = output
        self._kind = check_plot(output)
        self._recorder = SceneRecorder(speech.sample_rate, check_span(span, speech.duration_s))
        self._phones = None if phones is None else _fitting(phones, speech)
        self._title = title

    @property
    def warning(self) -> str | None:
        """Once all is fed: a line where less is shown than the speech, and nobody chose so."""
        return self._recorder.warning

    def sound(self, block: Float32) -> None:
        """The next block of the speech, float32 [n, channels]."""
        self._recorder.sound(block)

    def frame(self, frame: ExpressionFrame) -> None:
        """The next frame."""
        self._recorder.frame(frame)

    @contextmanager
    def open(self) -> Iterator[Plotting]:
        """The plot appears when the block ends well; OutputError where the place cannot be written to."""
        with NewFile(self.output) as new:
            self._new = new
            yield self
            new.commit()

    def draw(self, emotions: Sequence[EmotionScores]) -> None:
        """Draw what was fed. UsageError where the speech ended before the part that was to be shown."""
        scene = self._recorder.scene(emotions, self._phones, self._title)
        with reporting(self.output):
            save(scene, self._new.temporary, self._kind)


def _fitting(path: Path, speech: Speech) -> tuple[LabelledPhone, ...]:
    phones = read_phones(path)
    end_s = phones[-1].end_s
    if speech.duration_s is not None and end_s > speech.duration_s + PHONES_BEYOND_S:
        raise UsageError(
            f"{path}: phones end at {end_s:g} s, the speech at {speech.duration_s:.2f} s; expected phones "
            f"of this speech, in seconds"
        )
    return phones
