"""A chatbot with a face: what you type is answered aloud by the avatar. Ctrl-C or an empty line ends it.

    avatar-engine serve                                  # in another terminal
    python examples/chatbot.py [http://127.0.0.1:8080]   # open the address that it prints

With a chat relay (AVATAR_ENGINE_CHAT_URL and _MODEL set where `serve` runs) a language model answers, else a
few rules. Typing while the avatar speaks interrupts it.
"""

import asyncio
import sys

from avatar_engine.client import AvatarClientError, Caption, Error, connect

RULES = {
    "hello": "[joy] Hello! How nice to see you.",
    "sad": "[sadness] I am sorry to hear that. Do you want to tell me more?",
    "joke": "[joy] Why do avatars never lie? Because it is written all over their face!",
    "bye": "[joy:0.5] Good bye. See you soon!",
}


def rule_answer(text: str) -> str:
    """What the little bot says: a rule's answer, else an echo."""
    return next((said for word, said in RULES.items() if word in text.lower()), f"You said: {text}")


async def show(events):
    async for event in events:
        if isinstance(event, Caption):
            print("avatar:", event.text, flush=True)
        elif isinstance(event, Error):
            print(f"{event.message} ({event.code})", file=sys.stderr)


async def talk(url: str) -> None:
    async with connect(url) as avatar:
        print("watch it here:", avatar.watch_url, flush=True)
        showing = asyncio.create_task(show(avatar.events()))
        answering = None
        while text := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if answering is not None and not answering.done():
                heard = await avatar.interrupt()
                print(f"(interrupted after {heard.position_s:.1f} s: {heard.heard_text!r})", flush=True)
            answer = avatar.chat(text) if avatar.ready.has_chat else avatar.say(rule_answer(text))
            answering = asyncio.create_task(answer)
        if answering is not None:
            await asyncio.wait([answering])
        showing.cancel()


if __name__ == "__main__":
    try:
        asyncio.run(talk(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"))
    except AvatarClientError as error:
        sys.exit(f"{error.message} ({error.code})")
    except KeyboardInterrupt:
        sys.exit(0)
