"""The chat relay against a server that speaks the real protocol, well and badly."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import aclosing

import pytest

from avatar_engine.drivers.voice import http
from avatar_engine.drivers.voice.chat import MOST_CHARACTERS, MOST_TURNS, ChatServer
from avatar_engine.drivers.voice.interface import ChatError, Turn
from tests.support.fake_http import Exchange, Script, serving

ANSWER = "Hello there! [joy] Dr. Smith paid 3.14 dollars. Grüße, 你好。 Done"
SENTENCES = ["Hello there!", " [joy] Dr. Smith paid 3.14 dollars.", " Grüße, 你好。", " Done"]


def event(content: str | None, finish: str | None = None) -> bytes:
    delta = {} if content is None else {"content": content}
    payload = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return f"data: {json.dumps(payload, ensure_ascii=False)}\n\n".encode()


def stream(text: str, size: int, end: bytes = b"data: [DONE]\n\n", letters: int = 3) -> Script:
    """`text` a few letters an event, the bytes of it all cut every `size` bytes."""
    body = b": hello\n\n" + b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\n\n'
    body += b"".join(event(text[i : i + letters]) for i in range(0, len(text), letters))
    body += event(None, "stop") + b'data: {"choices":[],"usage":{"total_tokens":9}}\n\n' + end

    async def script(exchange: Exchange) -> None:
        await exchange.head(content_type="text/event-stream")
        for i in range(0, len(body), size):
            await exchange.chunk(body[i : i + size])
        await exchange.end()

    return script


def ask(
    *scripts: Script, text: str = "Hi", history: list[Turn] | None = None
) -> tuple[list[str], list[Exchange]]:
    """The sentences and what was asked. ChatError after all servers are closed."""

    async def main() -> tuple[list[str], list[Exchange]]:
        async with serving(*scripts) as server:
            relay = ChatServer(server.url, "secret-key", "small", "Be brief.")
            try:
                return [s async for s in relay.answer(text, history or [])], server.exchanges
            finally:
                await relay.close()

    return asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
def test_sentences_come_whole_and_once_however_the_stream_is_cut(size: int) -> None:
    assert ask(stream(ANSWER, size))[0] == SENTENCES


def test_lines_may_end_in_carriage_returns_cut_in_two() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.head(content_type="text/event-stream")
        for piece in (event("One. ").rstrip() + b"\r", b"\n\r", b"\n", event("Two.").rstrip() + b"\r\n\r\n"):
            await exchange.chunk(piece)
        await exchange.end()

    assert ask(script)[0] == ["One.", " Two."]


def test_what_is_asked() -> None:
    history: list[Turn] = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    _, (exchange,) = ask(stream("Yes.", 9), text="c", history=history)
    assert exchange.path == "/v1/chat/completions"
    assert exchange.headers["authorization"] == "Bearer secret-key"
    assert exchange.body["stream"] is True and exchange.body["model"] == "small"
    assert [(m["role"], m["content"]) for m in exchange.body["messages"]] == [
        ("system", "Be brief."), ("user", "a"), ("assistant", "b"), ("user", "c"),
    ]  # fmt: skip


def test_a_sentence_comes_before_the_answer_is_over() -> None:
    async def main() -> None:
        go_on = asyncio.Event()

        async def script(exchange: Exchange) -> None:
            await exchange.head(content_type="text/event-stream")
            await exchange.chunk(event("First one. Th"))
            await go_on.wait()
            await exchange.chunk(event("e end."))
            await exchange.end()

        async with serving(script) as server:
            relay = ChatServer(server.url, None, "m")
            answer = relay.answer("x")
            assert await anext(answer) == "First one."
            go_on.set()
            assert [s async for s in answer] == [" The end."]
            await relay.close()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_leaving_closes_the_stream() -> None:
    async def main() -> None:
        async def script(exchange: Exchange) -> None:
            await exchange.head(content_type="text/event-stream")
            await exchange.chunk(event("First one. And more"))
            await exchange.gone.wait()

        async with serving(script) as server:
            relay = ChatServer(server.url, None, "m")
            async with aclosing(relay.answer("x")) as answer:
                assert await anext(answer) == "First one."
            await server.exchanges[0].gone.wait()
            await relay.close()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_long_clause_is_not_waited_for() -> None:
    sentences, _ = ask(stream("and then we went on, " * 20 + "home.", 50))
    assert max(map(len, sentences)) <= 165 and len(sentences) >= 3
    assert "".join(sentences) == "and then we went on, " * 20 + "home."
    assert all(s.rstrip().endswith((",", ".")) for s in sentences)


def test_a_server_that_does_not_stream_is_taken_too() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, b'{"choices":[{"message":{"content":"One. Two."}}]}')

    assert ask(script)[0] == ["One.", " Two."]


@pytest.mark.parametrize("size", [1, 30])
def test_thoughts_are_not_spoken(size: int) -> None:
    answer = "<think>Hm. A < b? Yes.</think>\n\nHello. All well."
    assert "".join(ask(stream(answer, 11, letters=size))[0]).strip() == "Hello. All well."
    assert ask(stream("<b> is a tag.", 11, letters=size))[0] == ["<b> is a tag."]


def refusal(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(status, body, content_type, **headers)

    return script


SSE = "text/event-stream"
WITHHELD = b'data: {"choices":[{"delta":{},"finish_reason":"content_filter"}]}\n\n'
WRONG = [
    (refusal(401, b'{"error":{"message":"bad key"}}'), "401 bad key AVATAR_ENGINE_CHAT_KEY", False),
    (refusal(429, b'{"error":{"message":"slow\\ndown"}}', Retry_After="7"), "429 slow down", True),
    (refusal(404, b"<html>", "text/html"), "404", False),
    (refusal(503, b'{"error":"loading model"}'), "503 loading model", True),
    (refusal(400, b'{"error":{"message":"' + b"x" * 5000 + b'"}}'), "400 xxx…", False),
    (refusal(302, b"", Location="http://elsewhere/"), "302 http://elsewhere/", False),
    (refusal(200, b"<html>hi</html>", "text/html"), "empty answer", True),
    (refusal(200, b"data: {oops\n\n", SSE), "5 characters JSON", True),
    (refusal(200, b"data: [1]\n\n", SSE), "no object", False),
    (refusal(200, b'data: {"choices":[3]}\n\n', SSE), "choices", False),
    (refusal(200, b'data: {"choices":[{"delta":{"content":[]}}]}\n\n', SSE), "list", False),
    (refusal(200, b'data: {"error":{"message":"out of memory"}}\n\n', SSE), "out of memory", True),
    (refusal(200, WITHHELD, SSE), "content_filter", False),
    (refusal(200, b"data: [DONE]\n\n", SSE), "empty answer", True),
    (refusal(200, b"data: " + b"[" * 5000 + b"\n\n", SSE), "JSON", True),
    (refusal(200, b"data: " + b"x" * 1_100_000, SSE), "1048576", False),
]


@pytest.mark.parametrize(("script", "words", "retryable"), WRONG)
def test_what_goes_wrong_is_one_clear_line(script: Script, words: str, retryable: bool) -> None:
    with pytest.raises(ChatError) as caught:
        ask(script)
    message = str(caught.value)
    assert all(word in message for word in words.split()), message
    assert "\n" not in message and len(message) < 400 and "secret-key" not in message
    assert caught.value.retryable is retryable
    assert caught.value.retry_after_s == (7.0 if "429" in message else None)


def test_a_cut_connection_keeps_the_sentences_before() -> None:
    heard: list[str] = []

    async def script(exchange: Exchange) -> None:
        await exchange.head(content_type="text/event-stream")
        await exchange.chunk(event("First one. Second o"))
        exchange.writer.close()

    async def main() -> None:
        async with serving(script) as server:
            relay = ChatServer(server.url, None, "m")
            try:
                async for sentence in relay.answer("x"):
                    heard.append(sentence)
            finally:
                await relay.close()

    with pytest.raises(ChatError, match="broke off") as caught:
        asyncio.run(asyncio.wait_for(main(), 20))
    assert caught.value.retryable and heard == ["First one."]


def test_a_connection_that_fails_is_tried_once_more() -> None:
    async def hang_up(exchange: Exchange) -> None:
        exchange.writer.close()

    sentences, exchanges = ask(hang_up, stream("Here.", 9))
    assert sentences == ["Here."] and len(exchanges) == 2
    with pytest.raises(ChatError, match="hangs up") as caught:
        ask(hang_up)
    assert caught.value.retryable


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def main() -> None:
        relay = ChatServer(f"http://127.0.0.1:{port}/v1", None, "m")
        try:
            await anext(relay.answer("x"))
        finally:
            await relay.close()

    with pytest.raises(
        ChatError, match=f"no connection to the chat server at http://127.0.0.1:{port}.*does it run"
    ):
        asyncio.run(main())


def test_a_silent_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_S", 0.2)

    async def silent(exchange: Exchange) -> None:
        await exchange.gone.wait()

    async def silent_later(exchange: Exchange) -> None:
        await exchange.head(content_type="text/event-stream")
        await exchange.chunk(event("First one. S"))
        await exchange.gone.wait()

    for script in (silent, silent_later):
        with pytest.raises(ChatError, match="says nothing for 0.2 s") as caught:
            ask(script)
        assert caught.value.retryable


def test_an_endless_answer_is_cut_off() -> None:
    with pytest.raises(ChatError, match="longer than"):
        ask(stream("All work and no play. " * 2000, 50_000, letters=500))


def test_history_is_bounded() -> None:
    turns: list[Turn] = []
    for i in range(200):
        turns += [{"role": "user", "content": f"q {i}"}, {"role": "assistant", "content": f"a {i}"}]
    _, (exchange,) = ask(stream("Yes.", 99), history=turns)
    sent = exchange.body["messages"][1:-1]
    assert len(sent) == MOST_TURNS and sent[0]["role"] == "user" and sent[-1]["content"] == "a 199"
    turns.append({"role": "user", "content": "x" * (MOST_CHARACTERS - 3)})
    _, (exchange,) = ask(stream("Yes.", 99), history=turns)
    assert [len(message["content"]) > 1000 for message in exchange.body["messages"]] == [False, True, False]
