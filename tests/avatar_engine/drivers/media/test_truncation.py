from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avatar_engine.drivers.media.truncation import counts_its_frames, is_mpeg_audio, missing_end

SAMPLES = np.zeros(4_000, np.float32)


@pytest.mark.parametrize("name", ["a.wav", "a.ogg", "a.aiff", "a.flac"])
def test_a_whole_file_misses_nothing(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, SAMPLES, 16_000)
    assert missing_end(tmp_path / name) is None


@pytest.mark.parametrize(
    ("name", "words"), [("a.wav", "bytes of sound"), ("a.ogg", "last page"), ("a.aiff", "bytes")]
)
def test_a_cut_file_misses_its_end(tmp_path: Path, name: str, words: str) -> None:
    soundfile.write(tmp_path / name, SAMPLES, 16_000)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-10])
    assert words in str(missing_end(tmp_path / name))


def test_a_wave_that_ends_in_its_header_misses_its_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", SAMPLES, 16_000)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:38])
    assert missing_end(tmp_path / "a.wav") == "no sound follows the header"


def test_mp3s_are_known_by_their_first_bytes() -> None:
    assert is_mpeg_audio(b"ID3\x04\0") and is_mpeg_audio(b"\xff\xfb\x90\0")
    assert not is_mpeg_audio(b"RIFF") and not is_mpeg_audio(b"\xff") and not is_mpeg_audio(b"")
    assert counts_its_frames(b"\xff\xfb..Xing..") and not counts_its_frames(b"\xff\xfb....")
