// @ts-check
/** The ways to make the avatar speak: text, chat, microphone; and to make it stop. */

import { byId, make } from "./dom.js";
import { tabs } from "./tabs.js";

/** @typedef {import("../talking-avatar.js").TalkingAvatar} TalkingAvatar */

/**
 * @param {TalkingAvatar} avatar
 * @returns {{offer: (info: {voice?: boolean, chat?: boolean, missing?: {voice?: string, chat?: string}}) => void}}
 */
export function speaking(avatar) {
  const choose = tabs(byId("ways"), () => avatar.stopMicrophone());
  writing(avatar);
  chatting(avatar);
  microphone(avatar);
  stopping(avatar);
  return {
    offer({ voice = true, chat = true, missing = {} }) {
      if (missing.voice) byId("no-voice").textContent = `This server has no voice of its own: ${missing.voice}`;
      if (missing.chat) byId("no-chat").textContent = `No chat model is set: ${missing.chat}`;
      byId("no-voice").hidden = voice;
      byId("say-form").hidden = !voice;
      byId("ideas").hidden = !voice;
      byId("no-chat").hidden = chat;
      byId("chat-form").hidden = !chat;
      if (!voice && byId("tab-say").getAttribute("aria-selected") === "true") {
        choose(byId(chat ? "tab-chat" : "tab-mic"));
      }
    },
  };
}

/** @param {string} text */
export function report(text) {
  byId("report").textContent = text;
}

/** @param {unknown} error */
function explain(error) {
  report(error instanceof Error ? error.message : String(error));
}

/** @param {TalkingAvatar} avatar */
function writing(avatar) {
  const box = /** @type {HTMLTextAreaElement} */ (byId("say-text"));
  const form = /** @type {HTMLFormElement} */ (byId("say-form"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = box.value.trim();
    if (!text) return box.focus();
    say(avatar, text);
    box.select();
  });
  entersSubmit(box, form);
  byId("ideas").addEventListener("click", (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    if (!button) return;
    box.value = button.dataset.text ?? "";
    say(avatar, box.value);
  });
}

/**
 * @param {TalkingAvatar} avatar
 * @param {string} text
 */
function say(avatar, text) {
  report("");
  toBeStopped(avatar.say(text)).catch(explain);
}

/** Texts that are on their way or being said. */
let underWay = 0;

/**
 * From the moment that something is asked for it can be stopped.
 * @template T
 * @param {Promise<T>} speech
 * @returns {Promise<T>}
 */
async function toBeStopped(speech) {
  try {
    showStop((underWay += 1));
    return await speech;
  } finally {
    showStop((underWay -= 1));
  }
}

/** To where one was about to go on. */
function focusAgain() {
  const field = document.querySelector(".way:not([hidden]) textarea, .way:not([hidden]) button");
  if (field instanceof HTMLElement) field.focus();
}

/** @param {number} count */
function showStop(count) {
  const button = /** @type {HTMLButtonElement} */ (byId("stop"));
  if (!count && document.activeElement === button) focusAgain(); // a disabled button loses the focus
  button.disabled = !count;
}

/**
 * @param {HTMLTextAreaElement} box
 * @param {HTMLFormElement} form
 */
function entersSubmit(box, form) {
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
}

/** @param {TalkingAvatar} avatar */
function chatting(avatar) {
  const box = /** @type {HTMLTextAreaElement} */ (byId("chat-text"));
  const form = /** @type {HTMLFormElement} */ (byId("chat-form"));
  const talk = byId("talk");
  /** @type {HTMLElement | null} the answer that is being said */
  let answer = null;
  /** @param {string} who @param {string} text */
  const turn = (who, text) => {
    const line = make("li", { class: who, text });
    talk.hidden = false;
    talk.append(line);
    talk.scrollTop = talk.scrollHeight;
    return line;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = box.value.trim();
    if (!text) return box.focus();
    box.value = "";
    report("");
    turn("you", text);
    answer = turn("it", "…");
    const line = answer;
    toBeStopped(avatar.chat(text))
      .catch(explain)
      .finally(() => line.textContent === "…" && line.remove());
  });
  entersSubmit(box, form);
  avatar.addEventListener("caption", (event) => {
    if (!answer) return;
    const text = /** @type {CustomEvent} */ (event).detail.text;
    answer.textContent = answer.textContent === "…" ? text : `${answer.textContent} ${text}`;
    talk.scrollTop = talk.scrollHeight;
  });
}

/** @param {TalkingAvatar} avatar */
function microphone(avatar) {
  const button = byId("mic-button");
  const monitor = /** @type {HTMLInputElement} */ (byId("mic-monitor"));
  button.addEventListener("click", () => {
    report("");
    if (avatar.microphoneOn) avatar.stopMicrophone();
    else avatar.startMicrophone({ monitor: monitor.checked }).catch(explain);
  });
  avatar.addEventListener("microphone", (event) => {
    const { on } = /** @type {CustomEvent} */ (event).detail;
    button.setAttribute("aria-pressed", String(on));
    byId("mic-label").textContent = on ? "Stop the microphone" : "Start the microphone";
    monitor.disabled = on;
  });
}

/** @param {TalkingAvatar} avatar */
function stopping(avatar) {
  const stop = async () => {
    try {
      const { position_s, heard_text } = await avatar.interrupt();
      report(`Stopped after ${position_s.toFixed(2)} s${heard_text ? `. Heard: “${heard_text}”` : ""}`);
    } catch (error) {
      explain(error);
    }
  };
  byId("stop").addEventListener("click", stop);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && (avatar.speaking || underWay) && !event.defaultPrevented) void stop();
  });
  avatar.addEventListener("speaking", (event) => {
    const { active } = /** @type {CustomEvent} */ (event).detail;
    byId("portrait").classList.toggle("speaking", active);
  });
}
