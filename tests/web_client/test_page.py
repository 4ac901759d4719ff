"""The demo page in a real browser: what a person sees and does, with a mouse, a finger or only a keyboard."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.web_client.conftest import Visit

pytestmark = pytest.mark.browser

UNNAMED = """
return [...document.querySelectorAll('button, a, input, textarea, [tabindex="0"]')]
  .concat([...root.querySelectorAll('button')])
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label')))
  .map((e) => e.outerHTML);
"""


@pytest.fixture
def demo(visit: Visit) -> Visit:
    visit.page.goto(visit.server.url)
    return visit.live()


def chosen(visit: Visit) -> Any:
    return visit.run("return document.activeElement.id || document.activeElement.className")


def test_everything_works_without_a_mouse(demo: Visit) -> None:
    keyboard = demo.page.keyboard
    keyboard.press("Tab")
    assert chosen(demo) == "skip"
    keyboard.press("Enter")
    assert chosen(demo) == "say-text"
    keyboard.type("I am happy to be here, and I will say a lot about it today.")
    keyboard.press("Enter")
    demo.until("avatar.speaking")
    keyboard.press("Escape")
    demo.until("/^Stopped after [0-9.]+ s/.test(document.querySelector('#report').textContent)")
    keyboard.press("Shift+Tab")
    assert chosen(demo) == "tab-say"
    keyboard.press("ArrowRight")
    assert chosen(demo) == "tab-chat" and not demo.run("return document.querySelector('#way-chat').hidden")
    keyboard.press("End")
    assert chosen(demo) == "tab-mic" and demo.run("return document.querySelector('#way-chat').hidden")
    assert not demo.run(UNNAMED)
    assert not demo.complaints


def test_the_avatars_own_keys(demo: Visit) -> None:
    demo.page.locator("talking-avatar").get_by_role("button", name="Sound").focus()
    demo.page.keyboard.press("m")
    assert demo.run("return avatar.muted")
    demo.page.keyboard.press("m")
    demo.page.keyboard.press("c")
    assert not demo.run("return avatar.muted") and not demo.run("return avatar.captions")


def test_a_click_speaks_and_shows_it(demo: Visit) -> None:
    demo.page.get_by_role("button", name="Good news").click()
    demo.until("document.querySelector('#portrait').classList.contains('speaking')")
    score = "document.querySelector('[data-name=joy]').style.getPropertyValue('--score')"
    demo.until(f"Number({score}) > 0.5")
    demo.page.get_by_role("button", name="Interrupt").click()
    demo.until("document.querySelector('#stop').disabled")
    assert demo.run("return document.querySelector('#report').textContent").startswith("Stopped after")


def test_feelings_and_states_are_sent(demo: Visit) -> None:
    demo.page.get_by_role("button", name="Anger").click()
    demo.page.get_by_role("button", name="Listening").click()
    demo.until("document.querySelector('[data-state=listening]').getAttribute('aria-pressed') === 'true'")
    assert (
        demo.run("return document.querySelector('[data-name=anger]').getAttribute('aria-pressed')") == "true"
    )
    score = "document.querySelector('[data-name=anger]').style.getPropertyValue('--score')"
    demo.until(f"Number({score}) === 0.8")


def test_another_face_can_be_chosen(visit: Visit) -> None:
    visit.server.set(avatars=["ava", "ben"])
    visit.page.goto(visit.server.url)
    visit.live()
    pressed = "[...document.querySelectorAll('#faces [aria-pressed=true]')].map((e) => e.dataset.name).join()"
    visit.until(f"{pressed} === 'ava'")
    loaded = "[...document.querySelectorAll('#faces img')].every((e) => e.complete && e.naturalWidth === 256)"
    visit.until(loaded)
    made = visit.server.set()["made"]
    visit.page.get_by_role("button", name="ben").click()
    visit.until(f"{pressed} === 'ben' && avatar.connected")
    assert visit.server.set()["made"] == made + 1 and not visit.complaints


def test_chat_shows_both_sides(demo: Visit) -> None:
    demo.page.get_by_role("tab", name="Chat").click()
    demo.page.locator("#chat-text").fill("Hi.")
    demo.page.keyboard.press("Enter")
    demo.until("document.querySelector('#talk .it')?.textContent === 'You said: Hi.'")
    assert demo.run("return document.querySelector('#talk .you').textContent") == "Hi."


def test_what_the_server_lacks_is_said(visit: Visit) -> None:
    visit.server.set(voice=False, chat=False)
    visit.page.goto(visit.server.url)
    visit.until("document.querySelector('#tab-mic').getAttribute('aria-selected') === 'true'")
    for tab, words in (("Say", "no voice"), ("Chat", "No chat model")):
        visit.page.get_by_role("tab", name=tab).click()
        assert words in visit.page.get_by_role("tabpanel", name=tab).inner_text()


def test_a_key_can_be_given(visit: Visit) -> None:
    visit.server.set(key="open sesame")
    visit.page.goto(visit.server.url)
    visit.until("!document.querySelector('#key-form').hidden")
    visit.page.get_by_label("This server asks for an API key").fill("open sesame")
    visit.page.keyboard.press("Enter")
    visit.live()
    assert visit.run("return document.querySelector('#key-form').hidden")


def test_a_lent_session_is_watched_and_left_alive(visit: Visit) -> None:
    url = visit.server.url
    ticket = visit.page.request.post(f"{url}/v1/sessions", data={}).json()
    visit.page.goto(f"{url}/#session={ticket['session_id']}&token={ticket['token']}")
    visit.live()
    assert visit.server.set()["sessions"] == 1
    visit.server.set(cut=1011)
    visit.until("!avatar.connected")
    visit.live()
    visit.page.goto("about:blank")
    visit.page.wait_for_timeout(300)
    assert visit.server.set()["sessions"] == 1, "it belongs to somebody else"
    visit.page.goto(f"{url}/#session={ticket['session_id']}&token={ticket['token']}")
    visit.live()
    visit.server.set(drop=4410)
    visit.until("root.querySelector('.title').textContent === 'The session has ended'")
    assert visit.server.set()["sessions"] == 0


def test_numbers_and_log_fill(demo: Visit) -> None:
    demo.until("Number(document.querySelector('[data-figure=fps]').textContent) > 5")
    assert demo.run("return document.querySelector('[data-figure=size]').textContent") == "256"
    demo.page.get_by_text("Event log").click()
    lines = demo.page.locator("#log-lines li").all_inner_texts()
    assert any("ready" in line for line in lines) and any("connection" in line for line in lines)


def test_code_to_embed_names_this_server_and_is_copied(demo: Visit) -> None:
    demo.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    demo.page.get_by_role("tab", name="Python").click()
    demo.page.get_by_role("button", name="Copy").click()
    demo.until("document.querySelector('#copy').textContent === 'Copied'")
    copied = demo.run("return navigator.clipboard.readText()")
    assert f'connect("{demo.server.url}")' in copied
    for name in ("html", "curl"):
        assert demo.server.url in demo.run(f"return document.querySelector('#code-{name}').textContent")


def test_no_width_scrolls_sideways(demo: Visit) -> None:
    for width in (320, 390, 768, 1440):
        demo.page.set_viewport_size({"width": width, "height": 844})
        assert demo.run("return document.documentElement.scrollWidth") <= width
    demo.page.set_viewport_size({"width": 1280, "height": 720})


def test_only_its_own_host_is_asked_and_the_policy_holds(demo: Visit) -> None:
    assert {urlsplit(url).netloc for url in demo.requests} == {urlsplit(demo.server.url).netloc}
    assert not demo.complaints
