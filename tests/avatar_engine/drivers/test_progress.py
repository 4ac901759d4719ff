from __future__ import annotations

import io

from avatar_engine.drivers.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_hears_nothing() -> None:
    pipe = io.StringIO()
    with ProgressBar("rendering", pipe) as bar:
        for done in range(100):
            bar.show(done, 100)
    assert pipe.getvalue() == ""


def test_a_terminal_sees_a_bar_that_fills() -> None:
    terminal = Terminal()
    with ProgressBar("rendering", terminal) as bar:
        bar.show(50, 100)
        bar.show(100, 100)
    text = terminal.getvalue()
    assert "rendering [" in text and "100%" in text and text.endswith("\n")


def test_without_a_known_end_frames_are_counted() -> None:
    terminal = Terminal()
    with ProgressBar("rendering", terminal) as bar:
        bar.show(7, None)
    assert "7 frames" in terminal.getvalue()


def test_nothing_done_shows_nothing() -> None:
    terminal = Terminal()
    with ProgressBar("rendering", terminal):
        pass
    assert terminal.getvalue() == ""
