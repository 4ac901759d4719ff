// @ts-check
/** Every event of the avatar, newest first, for whoever opens it. */

import { byId, make } from "./dom.js";

/** @typedef {import("../talking-avatar.js").TalkingAvatar} TalkingAvatar */

const TYPES = ["connection", "ready", "state", "speaking", "caption", "interrupted", "emotion", "microphone", "error"];
const KEPT = 200;

/** @param {TalkingAvatar} avatar */
export function eventLog(avatar) {
  const lines = byId("log-lines");
  const count = byId("log-count");
  let seen = 0;
  for (const type of TYPES) {
    avatar.addEventListener(type, (event) => {
      seen += 1;
      count.textContent = String(seen);
      const line = make("li", { class: type });
      const time = make("time", { text: new Date().toTimeString().slice(0, 8) });
      const what = make("b", { text: type });
      const how = make("code", { text: JSON.stringify(/** @type {CustomEvent} */ (event).detail, plain) });
      line.append(time, what, how);
      lines.prepend(line);
      while (lines.childElementCount > KEPT) lines.lastElementChild?.remove();
    });
  }
  byId("log-clear").addEventListener("click", () => {
    lines.replaceChildren();
    seen = 0;
    count.textContent = "0";
  });
}

/** @param {string} key @param {unknown} value */
function plain(key, value) {
  if (key === "error" || key === "problem") return value instanceof Error ? value.name : value;
  return typeof value === "number" ? Math.round(value * 1000) / 1000 : value;
}
