from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from avatar_engine.drivers.media.pictures import KINDS, PNG_FOLDER, SoundFormat, kind_of, open_writer
from avatar_engine.errors import UsageError
from tests.support.film_fakes import beeps, onsets_s, pictures, sound

SIZE = 64
COLOURS = [
    (200, 60, 40),
    (30, 180, 90),
    (20, 40, 220),
    (255, 255, 255),
    (0, 0, 0),
    (128, 128, 128),
    (224, 172, 140),
]


def plain(rgb: tuple[int, ...], alpha: int = 255) -> np.ndarray:
    return np.full((SIZE, SIZE, 4), (*rgb, alpha), np.uint8)


def film(
    path: Path, frames: list[np.ndarray], samples: np.ndarray | None = None, rate: int = 0, **options: bool
) -> Path:
    """Frames at 25 a second with their sound, pushed side by side."""
    channels = 0 if samples is None else samples.shape[1]
    format_ = None if samples is None else SoundFormat(rate, channels)
    if not path.suffix:
        path.mkdir()
    writer = open_writer(
        path, kind_of(path), size=frames[0].shape[0], sound=format_, **{"transparent": False, **options}
    )
    for index, frame in enumerate(frames):
        if samples is not None:
            writer.sound(samples[index * rate // 25 : (index + 1) * rate // 25])
        writer.picture(frame)
    writer.close()
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
@pytest.mark.parametrize(
    ("rate", "channels", "kept"),
    [
        (44_100, 2, True),
        (48_000, 1, True),
        (16_000, 1, True),
        (8_000, 1, False),
        (22_050, 1, True),
        (96_000, 8, False),
    ],
)
def test_sound_and_picture_begin_at_0_and_end_together(
    tmp_path: Path, name: str, rate: int, channels: int, kept: bool
) -> None:
    seconds = 1.97
    samples = np.repeat(beeps(seconds, rate)[:, None], channels, axis=1)
    path = film(tmp_path / name, [plain((90, 90, 90))] * 50, samples, rate)
    heard, heard_rate = sound(path)
    times = [frame.time for frame in pictures(path)]
    assert times == pytest.approx(np.arange(50) / 25, abs=1e-3)
    np.testing.assert_allclose(onsets_s(heard[:, 0], heard_rate), [0, 0.5, 1, 1.5], atol=0.002)
    # The coder's last block may be padded; a frame lasts .04 s.
    assert abs(len(heard) / heard_rate - 2.0) < 0.04
    assert heard.shape[1] == (2 if channels == 2 else 1)
    if name == "a.mp4":
        assert (heard_rate == rate) == kept


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_colours_come_back(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, [plain(colour) for colour in COLOURS for _ in range(2)])
    frames = pictures(path)
    for index, colour in enumerate(COLOURS):
        seen = frames[2 * index + 1].to_ndarray(format="rgb24")[16:48, 16:48].reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(seen, colour, atol=3)
    tags = frames[0]
    assert (tags.color_primaries, tags.color_trc, tags.colorspace, tags.color_range) == (1, 1, 1, 1)


def test_an_mp4_can_be_played_while_it_loads(tmp_path: Path) -> None:
    content = film(tmp_path / "a.mp4", [plain((9, 9, 9))] * 5).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_the_same_pictures_and_sound_give_the_same_bytes(tmp_path: Path) -> None:
    samples = beeps(0.4, 44_100)[:, None]
    made = [
        film(tmp_path / f"{n}.mp4", [plain((9 * i, 9, 9)) for i in range(10)], samples, 44_100) for n in "ab"
    ]
    assert made[0].read_bytes() == made[1].read_bytes()


def test_webm_keeps_alpha(tmp_path: Path) -> None:
    frames = [plain((200, 60, 40), alpha) for alpha in (0, 128, 255) for _ in range(3)]
    for frame in frames:
        frame[:, :8, 3] = 255
    path = film(tmp_path / "a.webm", frames, transparent=True)
    seen = pictures(path, decoder="libvpx-vp9")
    assert len(seen) == 9 and seen[0].format.name == "yuva420p"
    for index, alpha in ((1, 0), (4, 128), (7, 255)):
        plane = np.asarray(seen[index].planes[3]).reshape(-1, seen[index].planes[3].line_size)[:SIZE, :SIZE]
        assert abs(float(plane[16:48, 24:56].mean()) - alpha) < 4
        assert plane[16:48, :6].mean() > 250


def test_webp_moves_and_keeps_alpha(tmp_path: Path) -> None:
    frames = [plain((200, 60 + 20 * i, 40), 255 if i % 2 else 100) for i in range(6)]
    path = film(tmp_path / "a.webp", frames, transparent=True)
    is_read, animation = cv2.imreadanimation(str(path))
    assert is_read and len(animation.frames) == 6 and set(animation.durations) == {40}
    assert abs(int(animation.frames[2][32, 32, 3]) - 100) <= 2
    np.testing.assert_allclose(animation.frames[3][32, 32, :3], (40, 120, 200), atol=6)


@pytest.mark.parametrize("is_transparent", [False, True])
def test_a_folder_of_pngs_is_lossless(tmp_path: Path, is_transparent: bool) -> None:
    frames = [np.random.default_rng(i).integers(0, 256, (SIZE, SIZE, 4), np.uint8) for i in range(3)]
    folder = film(tmp_path / "frames", frames, beeps(0.12, 8_000)[:, None], 8_000, transparent=is_transparent)
    assert sorted(p.name for p in folder.iterdir()) == [f"frame_{i:06}.png" for i in range(3)]
    for index, frame in enumerate(frames):
        seen = cv2.imread(str(folder / f"frame_{index:06}.png"), cv2.IMREAD_UNCHANGED)
        order = [2, 1, 0, 3] if is_transparent else [2, 1, 0]
        np.testing.assert_array_equal(seen, frame[:, :, order])


def test_the_name_tells_the_kind(tmp_path: Path) -> None:
    assert kind_of(Path("x.MP4")) is KINDS[".mp4"] and kind_of(Path("frames")) is PNG_FOLDER
    (tmp_path / "frames.v2").mkdir()
    assert kind_of(tmp_path / "frames.v2") is PNG_FOLDER
    with pytest.raises(UsageError, match=r"unknown ending '.avi'; use .mp4, .webm, .webp"):
        kind_of(Path("x.avi"))


@pytest.mark.parametrize("size", [256, 384, 512])
def test_all_sizes_can_be_encoded(tmp_path: Path, size: int) -> None:
    picture = np.full((size, size, 4), (10, 200, 30, 255), np.uint8)
    frames = pictures(film(tmp_path / "a.mp4", [picture] * 2))
    assert (frames[0].width, frames[0].height) == (size, size)
