"""Client of a live engine (`avatar-engine serve`): a chatbot's side of one session, for asyncio.

    async with connect("http://127.0.0.1:8080") as avatar:
        print("watch it here:", avatar.watch_url)
        await avatar.say("Hello! [joy] How nice to see you.")              # the engine's own voice
        report = await avatar.speak(pcm_pieces, sample_rate=24_000, text="…")  # yours, as it comes
        heard = await avatar.interrupt()                                   # from another task, any time
        async for event in avatar.events(): ...

`speak`, `say` and `chat` return when the speech was heard to its end or interrupted; several may be under
way, they are said one after the other. Errors are `AvatarClientError` with code, message and retryable. A
session whose connection is lost is over for this client: open a new one with `connect` (wait `retry_after_s`
where the error has it, else a second, and twice as long after each failure). Needs websockets and httpx2,
nothing heavy.
"""

from avatar_engine.client.events import (
    AvatarClientError,
    Caption,
    ConnectionLost,
    Emotion,
    Error,
    Event,
    Heard,
    Motion,
    Other,
    Ready,
    SpeechFinished,
    SpeechStarted,
    State,
    Stats,
)
from avatar_engine.client.opening import connect
from avatar_engine.client.session import Avatar, Events

__all__ = [
    "Avatar", "AvatarClientError", "Caption", "ConnectionLost", "Emotion", "Error", "Event", "Events",
    "Heard", "Motion", "Other", "Ready", "SpeechFinished", "SpeechStarted", "State", "Stats", "connect",
]  # fmt: skip
