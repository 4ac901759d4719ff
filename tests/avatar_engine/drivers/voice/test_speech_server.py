"""The voice of a speech server, against one that speaks the real protocol, well and badly."""

from __future__ import annotations

import asyncio
import struct
from contextlib import aclosing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.drivers.voice.interface import VoiceError
from avatar_engine.drivers.voice.speech_server import Decoder, SpeechServer
from tests.support.fake_http import Exchange, Script, serving

TONE = (8000 * np.sin(2 * np.pi * 200 * np.arange(4800) / 24_000)).astype("<i2")


def wav(
    samples: np.ndarray, rate: int, channels: int = 1, size: int | None = None, extra: bytes = b""
) -> bytes:
    data = samples.tobytes()
    head = b"RIFF" + struct.pack("<I", 0) + b"WAVE" + extra
    head += b"fmt " + struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    return head + b"data" + struct.pack("<I", len(data) if size is None else size) + data


def body(payload: bytes, piece: int, content_type: str = "audio/pcm") -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.head(content_type=content_type)
        for i in range(0, len(payload), piece):
            await exchange.chunk(payload[i : i + piece])
        await exchange.end()

    return script


def speak(*scripts: Script, text: str = "Hello.") -> tuple[bytes, list[Exchange]]:
    async def main() -> tuple[bytes, list[Exchange]]:
        async with serving(*scripts) as server:
            voice = SpeechServer(server.url, "secret-key", "tts-1", "nova")
            assert voice.name == "tts-1 nova at 127.0.0.1"
            try:
                return b"".join([piece async for piece in voice.speak(text)]), server.exchanges
            finally:
                await voice.close()

    return asyncio.run(asyncio.wait_for(main(), 20))


def decode(payload: bytes, piece: int, content_type: str = "audio/pcm") -> np.ndarray:
    decoder = Decoder(content_type)
    pieces = [decoder.push(payload[i : i + piece]) for i in range(0, len(payload), piece)]
    assert all(len(p) % 2 == 0 for p in pieces)
    return np.frombuffer(b"".join([*pieces, decoder.finish()]), dtype="<i2")


@pytest.mark.parametrize("piece", [1, 3, 1000, 100_000])
def test_pcm_comes_through_untouched(piece: int) -> None:
    sound, (exchange,) = speak(body(TONE.tobytes()[: 20 * piece + 10], piece))
    assert sound == TONE.tobytes()[: 20 * piece + 10]
    assert exchange.path == "/v1/audio/speech" and exchange.headers["authorization"] == "Bearer secret-key"
    assert exchange.body == {"model": "tts-1", "voice": "nova", "input": "Hello.", "response_format": "pcm"}


def test_nothing_to_say_asks_nobody() -> None:
    assert speak(body(b"", 1), text=" ... ") == (b"", [])


@given(piece=st.integers(1, 500), size=st.sampled_from([None, 0, 0xFFFFFFFF]), junk=st.integers(0, 40))
def test_wav_is_taken_however_it_is_cut(piece: int, size: int | None, junk: int) -> None:
    extra = b"LIST" + struct.pack("<I", junk) + bytes(junk + junk % 2)
    assert np.array_equal(decode(wav(TONE[:400], 24_000, size=size, extra=extra), piece), TONE[:400])


@pytest.mark.parametrize(("rate", "channels"), [(22_050, 1), (48_000, 2), (16_000, 1), (44_100, 2)])
def test_other_rates_and_channels_become_24_khz_mono(rate: int, channels: int) -> None:
    tone = (8000 * np.sin(2 * np.pi * 200 * np.arange(rate) / rate)).astype("<i2")
    sound = decode(wav(np.repeat(tone, channels), rate, channels), 777).astype(float)
    assert abs(len(sound) - 24_000) <= 2
    expected = 8000 * np.sin(2 * np.pi * 200 * np.arange(len(sound)) / 24_000)
    assert np.abs(sound - expected)[500:-500].max() < 40


def test_the_rate_of_the_content_type_counts() -> None:
    assert abs(len(decode(TONE.tobytes(), 100, "audio/pcm;rate=48000;channels=1")) - 2400) <= 2


def test_a_half_sample_at_the_end_is_dropped() -> None:
    assert len(decode(TONE.tobytes()[:-1], 64)) == len(TONE) - 1


@given(st.binary(max_size=300), st.integers(1, 50), st.booleans())
def test_any_bytes_give_sound_or_one_line(payload: bytes, piece: int, is_wav: bool) -> None:
    try:
        decode((b"RIFF" if is_wav else b"") + payload, piece)
    except VoiceError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (body(b"ID3\x04xxxx", 9, "audio/mpeg"), "MP3 pcm wav"),
        (body(b"\xff\xfb\x90xxxx", 9, "audio/mpeg"), "MP3"),
        (body(b'{"detail": "x"}', 9, "application/json"), "application/json URL"),
        (body(b"", 9), "no sound"),
        (body(wav(TONE, 24_000)[:20], 9), "ends in its header"),
        (body(wav(TONE, 1), 9), "1 Hz"),
        (
            body(b"RIFF0000WAVEfmt " + struct.pack("<IHHIIHH", 16, 3, 1, 24_000, 0, 4, 32), 99),
            "format 3 32 bits",
        ),
    ],
)
def test_what_is_no_sound_is_one_clear_line(script: Script, words: str) -> None:
    with pytest.raises(VoiceError) as caught:
        speak(script)
    assert all(word in str(caught.value) for word in words.split()), str(caught.value)


def test_a_refused_key_names_its_setting() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(401, b'{"error": {"message": "Incorrect API key"}}')

    with pytest.raises(VoiceError, match="401: Incorrect API key.*set AVATAR_ENGINE_TTS_KEY") as caught:
        speak(script)
    assert not caught.value.retryable and "secret-key" not in str(caught.value)


def test_a_cut_connection_keeps_the_sound_before_and_says_so() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.head(content_type="audio/pcm")
        await exchange.chunk(TONE.tobytes()[:100])
        exchange.writer.close()

    with pytest.raises(VoiceError, match="broke off") as caught:
        speak(script)
    assert caught.value.retryable


def test_leaving_closes_the_stream() -> None:
    async def main() -> None:
        async def script(exchange: Exchange) -> None:
            await exchange.head(content_type="audio/pcm")
            await exchange.chunk(TONE.tobytes()[:100])
            await exchange.gone.wait()

        async with serving(script) as server:
            voice = SpeechServer(server.url, None, "m", "v")
            async with aclosing(voice.speak("Hi")) as sound:
                assert await anext(sound) == TONE.tobytes()[:100]
            await server.exchanges[0].gone.wait()
            await voice.close()

    asyncio.run(asyncio.wait_for(main(), 20))
