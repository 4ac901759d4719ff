"""<talking-avatar> in a real browser, against a server that speaks the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.web_client.conftest import FakeServer, Visit

pytestmark = pytest.mark.browser

FRAME_NUMBER = """
const video = root.querySelector('video');
const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight)
  .getContext('2d', { willReadFrequently: true });
canvas.drawImage(video, 0, 0);
let number = 0;
for (let bit = 0; bit < 16; bit++) {
  if (canvas.getImageData(bit * 16 + 8, 240, 1, 1).data[0] > 128) number += 1 << bit;
}
return number;
"""


def test_pictures_arrive_and_nothing_comes_from_elsewhere(visit: Visit) -> None:
    visit.bare().live()
    ready = visit.event("ready")
    assert ready["session_id"] and ready["avatars"] == ["ava"] and ready["connect_ms"] > 0
    first = visit.run(FRAME_NUMBER)
    visit.page.wait_for_timeout(400)
    assert 5 <= visit.run(FRAME_NUMBER) - first <= 40
    hosts = {urlsplit(url).netloc for url in visit.requests}
    assert hosts == {urlsplit(visit.server.url).netloc}
    assert not visit.complaints
    assert not visit.run("return window.seen.some((e) => e.type === 'csp' || e.type === 'error')")


def test_say_is_told_shown_and_answered(visit: Visit) -> None:
    visit.bare().live()
    report = visit.run("return avatar.say('I am happy. So are you.')")
    assert report["position_s"] > 0.5 and not report["interrupted"]
    assert report["heard_text"] == "I am happy. So are you."
    started, ended = (visit.event("speaking", f"e.active === {on}") for on in ("true", "false"))
    assert started["id"] == ended["id"] == report["id"]
    assert visit.event("caption")["text"] == "I am happy."
    assert visit.event("state", "e.state === 'speaking'")
    assert visit.event("emotion")["strongest"] == "joy"
    assert visit.text(".spoken").split() == ["I", "am", "happy.", "So", "are", "you."]
    assert visit.run("return root.querySelector('.spoken').getAttribute('aria-live')") == "polite"
    assert visit.text(".line-of-text") == "So are you."


def test_captions_can_be_switched_off(visit: Visit) -> None:
    visit.bare("autoplay").live()
    visit.run("return avatar.say('Unseen.')")
    assert visit.event("caption") and visit.text(".spoken") == ""


def test_interrupt_answers_with_what_was_heard(visit: Visit) -> None:
    visit.bare().live()
    visit.run("window.said = avatar.say('One is heard. ' + 'Two is not heard any more. '.repeat(8))")
    visit.event("caption", "e.text.startsWith('One')")
    assert visit.run("return avatar.speaking")
    report = visit.run("return avatar.interrupt()")
    assert report["interrupted"] and 0 <= report["position_s"] < 4
    assert report["heard_text"].startswith("One is heard.")
    assert visit.event("interrupted")["position_s"] == report["position_s"]
    assert visit.run("return window.said")["interrupted"]
    assert not visit.run("return avatar.speaking")


def test_interrupt_of_silence_is_zero(visit: Visit) -> None:
    visit.bare().live()
    report = visit.run("return avatar.interrupt()")
    assert (report["position_s"], report["heard_text"], report["interrupted"]) == (0, "", False)


def test_interrupt_ends_what_was_only_thought_of(visit: Visit) -> None:
    visit.bare().live()
    visit.server.set(chat=False)  # no answer will come
    visit.run("window.asked = avatar.chat('What is the meaning of life?')")
    visit.run("return avatar.interrupt()")
    report = visit.run("return window.asked")
    assert (report["position_s"], report["interrupted"], report["heard_text"]) == (0, True, "")


def test_the_sixth_text_is_refused_with_a_reason(visit: Visit) -> None:
    visit.bare().live()
    result = visit.run(
        "const all = Array.from({ length: 6 }, () => avatar.say('A rather long sentence to wait behind.'));"
        "try { await all[5]; } catch (error) { return { code: error.code, retryable: error.retryable }; }"
    )
    assert result == {"code": "busy", "retryable": True}
    visit.run("return avatar.interrupt()")


OWN_SPEECH = {
    "new Float32Array(12000), { sampleRate: 24000, text }": (24_000, 12_000),
    "new Float32Array(11025), { sampleRate: 22050, text }": (48_000, 24_000),
    "new Int16Array(8000).buffer, { sampleRate: 16000, text }": (16_000, 8_000),
    "new AudioBuffer({ length: 22050, numberOfChannels: 2, sampleRate: 44100 }), { text }": (48_000, 24_000),
    "(async function* () { yield new Int16Array(4e3); yield new Int16Array(8e3); })(), { text }": (
        24_000,
        12_000,
    ),
}


def test_own_speech_in_every_shape(visit: Visit) -> None:
    visit.bare().live()
    for sound, (rate, samples) in OWN_SPEECH.items():
        report = visit.run(f"const text = 'Mine.'; return avatar.sendAudio({sound})")
        counters = visit.server.set()
        assert (counters["rates"], counters["received"]) == ([rate], 2 * samples), sound
        assert report["position_s"] == pytest.approx(0.5, abs=0.01) and report["heard_text"] == "Mine."


def test_sound_that_cannot_be_sent_is_refused_in_words(visit: Visit) -> None:
    visit.bare().live()
    for sound in ("new ArrayBuffer(3)", "'la la la'", "new Float32Array(8), { sampleRate: NaN }"):
        code = visit.run(f"try {{ await avatar.sendAudio({sound}); }} catch (error) {{ return error.code; }}")
        assert code == "unsupported-audio", sound


def test_emotion_and_state_are_sent(visit: Visit) -> None:
    visit.bare().live()
    visit.run("avatar.setEmotion('sadness', 0.6, 2); avatar.setState('thinking');")
    emotion = visit.event("emotion", "e.source === 'override'")
    assert emotion["scores"]["sadness"] == 0.6
    assert visit.event("state", "e.state === 'thinking'") and visit.run("return avatar.state") == "thinking"


def test_microphone_is_mirrored(fresh: Visit) -> None:
    fresh.page.context.grant_permissions(["microphone"])
    fresh.bare().live()
    fresh.run("await avatar.startMicrophone()")
    assert fresh.event("microphone", "e.on")["sample_rate"] == 24_000
    fresh.page.wait_for_timeout(500)
    assert fresh.server.set()["mirrored"] > 8_000
    assert fresh.run("return root.querySelector('video').volume") == 0, "nobody should hear himself twice"
    fresh.run("avatar.stopMicrophone()")
    assert fresh.event("microphone", "!e.on") and fresh.run("return root.querySelector('video').volume") == 1
    assert not fresh.complaints


NO_HTTPS = (
    "Object.defineProperty(window, 'isSecureContext', { value: false });"
    "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"
)
NO_DEVICE = (
    "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('none', 'NotFoundError'); };"
)


@pytest.mark.parametrize(
    ("script", "code"),
    [("", "microphone-denied"), (NO_HTTPS, "microphone-insecure"), (NO_DEVICE, "microphone-missing")],
)
def test_no_microphone_is_explained(fresh: Visit, script: str, code: str) -> None:
    fresh.page.add_init_script(script)
    fresh.bare().live()
    assert fresh.run("try { await avatar.startMicrophone(); } catch (error) { return error.code; }") == code
    error = fresh.event("error")
    assert error["code"] == code and error["remedy"] and not fresh.run("return avatar.microphoneOn")


def test_a_cut_line_is_mended_within_the_same_session(visit: Visit) -> None:
    visit.bare().live()
    made = visit.server.set()["made"]
    visit.server.set(cut=1011)
    visit.event("connection", "e.phase === 'waiting' && e.problem === 'connection-lost'")
    visit.event("connection", "e.phase === 'live' && e.again")
    assert visit.server.set()["made"] == made
    assert visit.run("return avatar.say('Back.')")["heard_text"] == "Back."


def test_a_lost_session_is_made_again(visit: Visit) -> None:
    visit.bare().live()
    before = visit.event("ready")["session_id"]
    visit.server.set(drop=4410)
    again = visit.event("ready", f"e.session_id !== '{before}'")
    assert again and visit.server.set()["sessions"] == 1
    assert visit.event("error", "e.code === 'expired'")["retryable"]


@pytest.mark.parametrize(("engine", "code"), [("worker_lost", "worker-lost"), ("expired", "expired")])
def test_what_the_engine_says_of_its_end_is_told(visit: Visit, engine: str, code: str) -> None:
    visit.bare().live()
    visit.server.set(tell={"type": "error", "code": engine, "message": "it says why", "retryable": False})
    assert "it says why" in visit.event("error", f"e.code === '{code}'")["message"]
    visit.event("connection", "e.phase === 'live' && e.again")


def answer_with(status: int, body: str) -> Callable[[Visit], None]:
    return lambda visit: visit.page.route(
        "**/v1/sessions", lambda route: route.fulfill(status=status, body=body)
    )


PROBLEMS: dict[str, tuple[Callable[[Visit], Any], str]] = {
    "full": (lambda visit: visit.server.set(full_s=3), "All places are taken"),
    "starting": (
        lambda visit: visit.page.route(
            "**/v1/sessions",
            lambda route: route.fulfill(
                status=503,
                headers={"Retry-After": "2"},
                json={"code": "busy", "message": "still starting", "retryable": True},
            ),
        ),
        "The server is starting",
    ),
    "unauthorized": (lambda visit: visit.server.set(key="secret"), "The server asks for a valid key"),
    "server-error": (lambda visit: visit.server.set(status=500), "The server has a problem"),
    "refused": (lambda visit: visit.server.set(status=422), "The server did not accept the request"),
    "not-found": (lambda visit: visit.server.set(status=404), "No avatar service at this address"),
    "bad-answer": (answer_with(201, "{}"), "The server's answer makes no sense"),
    "unreachable": (
        lambda visit: visit.page.route("**/v1/sessions", lambda route: route.abort("connectionrefused")),
        "The avatar server does not answer",
    ),
    "offline": (
        lambda visit: (
            visit.page.route("**/v1/sessions", lambda route: route.abort()),
            visit.page.add_init_script("Object.defineProperty(navigator, 'onLine', { get: () => false });"),
        ),
        "You are offline",
    ),
    "no-webrtc": (
        lambda visit: visit.page.add_init_script("delete window.RTCPeerConnection;"),
        "This browser cannot show live pictures",
    ),
}


@pytest.mark.parametrize("code", PROBLEMS)
def test_why_there_is_no_picture(fresh: Visit, code: str) -> None:
    arrange, title = PROBLEMS[code]
    arrange(fresh)
    fresh.bare()
    error = fresh.event("error", f"e.code === '{code}'")
    assert error["title"] == title and error["remedy"]
    fresh.until(
        f"root.querySelector('.title').textContent === {title!r} || root.querySelector('.pill:not([hidden])')"
    )
    assert title in fresh.until("root.querySelector('.status').textContent")


def test_a_full_server_is_asked_again_when_it_said(visit: Visit) -> None:
    visit.server.set(full_s=1)
    visit.bare()
    assert visit.event("error")["retry_after_s"] == 1
    visit.server.set(full_s=0)
    visit.live()
    assert visit.run("return root.querySelector('.notice').hidden")


def test_a_countdown_is_shown_and_can_be_cut_short(visit: Visit) -> None:
    visit.server.set(full_s=60)
    visit.bare()
    visit.until("/ in (60|59|58) s/.test(root.querySelector('.countdown').textContent)")
    visit.server.set(full_s=0)
    visit.page.locator(".retry").click()
    visit.live()


def test_the_right_key_opens(visit: Visit) -> None:
    visit.server.set(key="secret")
    visit.bare("controls")
    visit.run("avatar.apiKey = 'secret'; avatar.connect();")
    visit.live()


def test_media_that_find_no_way_are_explained(fresh: Visit) -> None:
    fresh.server.set(media=False)
    fresh.page.clock.install()
    fresh.bare()
    fresh.event("state")
    fresh.page.wait_for_timeout(500)  # the answer comes; nothing else can be seen of it from outside
    fresh.page.clock.fast_forward(13_000)
    error = fresh.event("error")
    assert error["code"] == "ice-failed" and "UDP" in error["remedy"] and "TURN" in error["remedy"]


def test_pictures_that_stop_are_noticed(fresh: Visit) -> None:
    fresh.page.clock.install()
    fresh.bare().live()
    fresh.server.set(frames=False)
    fresh.page.wait_for_timeout(200)
    fresh.page.clock.run_for(7_000)
    assert fresh.event("error")["code"] == "no-picture"
    fresh.server.set(frames=True)
    fresh.page.clock.resume()
    fresh.event("connection", "e.phase === 'live' && e.again")


def test_sound_that_is_blocked_gets_one_big_button(launch: Callable[..., Any], server: FakeServer) -> None:
    with launch() as browser:
        visit = Visit(browser.new_page(), server)
        # Every script that Playwright runs counts as a click, which would let the sound through.
        with visit.page.expect_console_message(lambda line: line.text == "avatar error"):
            visit.bare()
        assert visit.event("error")["code"] == "autoplay-blocked"
        visit.live()
        assert visit.until("root.querySelector('.unlock:not([hidden])')?.textContent") == "Turn sound on"
        assert visit.run("const video = root.querySelector('video'); return video.muted && !video.paused")
        visit.page.get_by_role("button", name="Turn sound on").click()
        visit.until("!root.querySelector('video').muted && root.querySelector('.unlock').hidden")
        assert not visit.complaints


def test_without_autoplay_a_button_starts_it(visit: Visit) -> None:
    visit.bare("controls")
    assert visit.server.set()["sessions"] == 0
    visit.page.get_by_role("button", name="Start the avatar").click()
    visit.live()


def the_place_is_given_back(visit: Visit) -> None:
    for _ in range(100):
        if visit.server.set()["sessions"] == 0:
            return
        visit.page.wait_for_timeout(30)
    pytest.fail("the session outlived its page")


def test_leaving_gives_the_place_back(visit: Visit) -> None:
    visit.bare().live()
    visit.run("const box = document.createElement('div'); document.body.append(box); box.append(avatar);")
    visit.page.wait_for_timeout(100)
    assert visit.server.set()["sessions"] == 1 and visit.run("return avatar.connected"), (
        "moving is not leaving"
    )
    visit.run("window.kept = avatar; avatar.remove();")
    the_place_is_given_back(visit)


def test_closing_the_page_gives_the_place_back(fresh: Visit) -> None:
    fresh.bare().live()
    fresh.page.goto("about:blank")
    the_place_is_given_back(fresh)


def test_another_size_is_another_session(visit: Visit) -> None:
    visit.bare().live()
    made = visit.server.set()["made"]
    visit.run("avatar.size = 384")
    visit.event("connection", "e.phase === 'connecting'")
    visit.until("window.seen.filter((e) => e.type === 'ready').length === 2")
    assert visit.server.set()["made"] == made + 1 and visit.server.set()["sessions"] == 1


def test_commands_without_connection_fail_in_words(visit: Visit) -> None:
    visit.bare("controls")
    code = visit.run("try { await avatar.say('Hello'); } catch (error) { return error.code; }")
    assert code == "not-connected" and not visit.complaints


def test_numbers_are_those_of_the_stream(visit: Visit) -> None:
    visit.bare().live()
    visit.run("await avatar.numbers()")
    visit.page.wait_for_timeout(1000)
    numbers = visit.run("return avatar.numbers()")
    assert (numbers["width"], numbers["height"]) == (256, 256)
    assert 10 < numbers["fps"] < 40 and numbers["kbps"] > 0 and numbers["latency_ms"] >= 0
