from __future__ import annotations

import os
import threading
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar_engine.drivers.media.speech import BLOCK_S, SpeechArray, open_speech
from avatar_engine.errors import AvatarWarning, SpeechError

RATE = 22_050


def tone(seconds: float = 1.5, rate: int = RATE) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def whole(path: Path) -> np.ndarray:
    return np.concatenate(list(open_speech(path).blocks()))


def encode(
    path: Path, codec: str, container: str | None = None, seconds: float = 1.5, **options: str
) -> Path:
    """A tone through FFmpeg."""
    with av.open(str(path), "w", format=container, options=options) as output:
        stream = output.add_stream(codec, rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(seconds, 48_000).reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = 48_000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.au", "a.w64", "a.caf"])
def test_formats_of_libsndfile(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, tone(), RATE)
    speech = open_speech(tmp_path / name)
    assert (speech.sample_rate, speech.channels, speech.duration_s) == (RATE, 1, 1.5)
    np.testing.assert_allclose(whole(tmp_path / name)[:, 0], tone(), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.webm", "libopus"), ("a.ac3", "ac3")]
)
def test_formats_of_ffmpeg(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, codec)
    samples = whole(path)[:, 0]
    assert abs(len(samples) - 72_000) < 2_000
    assert 0.2 < np.abs(samples[10_000:60_000]).max() < 0.5


def test_speech_comes_in_blocks(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    blocks = list(open_speech(tmp_path / "a.wav").blocks())
    assert [len(block) for block in blocks] == [RATE // 2] * 3
    assert BLOCK_S == 0.5 and all(block.dtype == np.float32 and block.ndim == 2 for block in blocks)


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [(192_000, 1, "FLOAT"), (8_000, 1, "ULAW"), (48_000, 8, "PCM_24"), (11_025, 2, "PCM_U8")],
)
def test_any_rate_channels_and_coding(tmp_path: Path, rate: int, channels: int, subtype: str) -> None:
    soundfile.write(
        tmp_path / "a.wav", np.repeat(tone(0.5, rate)[:, None], channels, axis=1), rate, subtype=subtype
    )
    speech = open_speech(tmp_path / "a.wav")
    assert (speech.sample_rate, speech.channels) == (rate, channels)
    np.testing.assert_allclose(whole(tmp_path / "a.wav")[:, -1], tone(0.5, rate), atol=0.02)


def test_a_wave_of_unknown_length_is_whole(tmp_path: Path) -> None:
    """Programs that write into a pipe put 0xFFFFFFFF where the length belongs."""
    soundfile.write(tmp_path / "a.wav", tone(), RATE, subtype="PCM_16")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff" * 4
    (tmp_path / "a.wav").write_bytes(content)
    assert len(whole(tmp_path / "a.wav")) == len(tone())


def test_speech_from_a_pipe(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", "libmp3lame")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(path.read_bytes(),), daemon=True).start()
    assert len(whole(pipe)) > 60_000


def make_bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that are no speech, and what is said about each."""
    soundfile.write(folder / "good.wav", tone(), RATE)
    soundfile.write(folder / "good.flac", tone(), RATE)
    soundfile.write(folder / "good.ogg", np.random.default_rng(0).uniform(-0.5, 0.5, 4 * RATE), RATE)
    soundfile.write(folder / "good.aiff", tone(), RATE)
    soundfile.write(folder / "zero.wav", tone()[:0], RATE)
    soundfile.write(folder / "nan.wav", np.full(1000, np.nan, np.float32), RATE, subtype="FLOAT")
    late = tone().copy()
    late[20_000] = np.inf
    soundfile.write(folder / "late.wav", late, RATE, subtype="FLOAT")
    soundfile.write(folder / "loud.wav", tone() * 32_768, RATE, subtype="FLOAT")
    encode(folder / "good.m4a", "aac")
    encode(folder / "fast.m4a", "aac", movflags="+faststart", seconds=4)
    encode(folder / "good.mp3", "libmp3lame", seconds=4)
    with av.open(str(folder / "mute.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        film.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        film.mux(stream.encode(None))
    for name in ("good.wav", "good.flac", "good.ogg", "good.aiff", "good.m4a", "fast.m4a", "good.mp3"):
        content = (folder / name).read_bytes()
        (folder / f"cut_{name}").write_bytes(content[: len(content) * 6 // 10])
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is no sound\n" * 20)
    (folder / "noise.bin").write_bytes(np.random.default_rng(0).bytes(50_000))
    (folder / "folder.wav").mkdir()
    expected = {
        "missing.wav": "no such file",
        "folder.wav": "is a folder",
        "empty.wav": "is empty",
        "zero.wav": "0 samples",
        "nan.wav": "NaN or infinity at 0.000 s",
        "late.wav": "NaN or infinity at 0.907 s",
        "loud.wav": "without scaling",
        "text.wav": "can read it",
        "noise.bin": "can read it",
        "mute.mp4": "no sound track",
        "cut_good.wav": "cut off",
        "cut_good.flac": "cut off",
        "cut_good.ogg": "cut off",
        "cut_good.aiff": "cut off",
        "cut_good.m4a": "can read it",
        "cut_fast.m4a": "cut off",
        "cut_good.mp3": "cut off",
    }
    return {name: (folder / name, text) for name, text in expected.items()}


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    return make_bad_files(tmp_path_factory.mktemp("bad"))


@pytest.mark.filterwarnings("ignore::avatar_engine.errors.AvatarWarning")
@pytest.mark.parametrize(
    "name",
    [
        "missing.wav",
        "folder.wav",
        "empty.wav",
        "zero.wav",
        "nan.wav",
        "late.wav",
        "loud.wav",
        "text.wav",
        "noise.bin",
        "mute.mp4",
        "cut_good.wav",
        "cut_good.flac",
        "cut_good.ogg",
        "cut_good.aiff",
        "cut_good.m4a",
        "cut_fast.m4a",
        "cut_good.mp3",
    ],
)
def test_bad_speech_gets_one_clear_line(bad: dict[str, tuple[Path, str]], name: str) -> None:
    path, text = bad[name]
    with pytest.raises(SpeechError) as caught:
        whole(path)
    message = str(caught.value)
    assert name in message and text in message and "\n" not in message and len(message) < 300


def test_a_damaged_packet_is_skipped_with_a_warning(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", "aac", seconds=4)
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + 10_000
    content[middle : middle + 400] = b"\xa5" * 400
    path.write_bytes(content)
    with pytest.warns(AvatarWarning, match="damaged packets"):
        assert len(whole(path)) > 150_000


HEADS = [b"", b"RIFF\x24\x01\0\0WAVEfmt ", b"fLaC", b"OggS\0\x02", b"ID3\x04"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400), head=st.sampled_from(HEADS))
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_are_speech_or_a_speech_error(tmp_path: Path, head: bytes, content: bytes) -> None:
    path = tmp_path / "any.wav"
    path.write_bytes(head + content)
    try:
        samples = whole(path)
    except SpeechError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(samples).all()


def test_arrays_are_speech_too() -> None:
    speech = SpeechArray(tone(), RATE)
    assert (speech.sample_rate, speech.channels, speech.duration_s) == (RATE, 1, 1.5)
    assert np.concatenate(list(speech.blocks())).shape == (len(tone()), 1)
    with pytest.raises(SpeechError, match="must be floats"):
        SpeechArray(np.zeros(5, np.int16), RATE)
    with pytest.raises(SpeechError, match="0 samples"):
        list(SpeechArray(np.zeros(0, np.float32), RATE).blocks())
    with pytest.raises(SpeechError, match="sample rate"):
        SpeechArray(tone(), 0)
