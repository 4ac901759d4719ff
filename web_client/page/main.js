// @ts-check
/** The demo page: connects the parts with the avatar. */

import "../talking-avatar.js";
import { byId, make } from "./dom.js";
import { embedding } from "./embed.js";
import { feelings, states } from "./feelings.js";
import { figures } from "./figures.js";
import { eventLog } from "./log.js";
import { speaking } from "./speak.js";

/** @typedef {{avatars?: string[], sizes?: number[], default_size?: number, voice?: boolean, chat?: boolean, auth?: boolean, version?: string, device?: string, missing?: {voice?: string, chat?: string}}} Info */

const avatar = /** @type {import("../talking-avatar.js").TalkingAvatar} */ (byId("avatar"));
const ways = speaking(avatar);
feelings(avatar);
states(avatar);
figures(avatar);
eventLog(avatar);
embedding();
status();
key();
let shownFace = "";
avatar.addEventListener("ready", (event) => (shownFace = /** @type {CustomEvent} */ (event).detail.avatar));
avatar.session = lent();
avatar.connect();
addEventListener("hashchange", () => lent() && location.reload());
void furnish();

/** What the page offers depends on what the server has. */
async function furnish() {
  const info = await about();
  ways.offer(info);
  faces(info);
  sizes(info);
  byId("about").textContent = [info.version && `avatar-engine ${info.version}`, info.device && `drawn by ${info.device}`]
    .filter(Boolean)
    .join(" · ");
}

/**
 * A program (the Python client) may hold the session; its address for watching is /#session=ID&token=TOKEN.
 * @returns {import("../lib/service.js").SessionTicket | null}
 */
function lent() {
  const told = new URLSearchParams(location.hash.slice(1));
  const [id, token] = [told.get("session"), told.get("token")];
  if (!id || !token) return null;
  const place = `v1/sessions/${encodeURIComponent(id)}`;
  const whep = new URL(`${place}/whep`, document.baseURI).href;
  const socket = new URL(`${place}/ws?token=${encodeURIComponent(token)}`, document.baseURI).href;
  return { session_id: id, token, whep_url: whep, ws_url: socket };
}

/** @returns {Promise<Info>} empty when the server does not say: the avatar will explain why */
async function about() {
  try {
    const answer = await fetch(new URL("v1/info", document.baseURI), { cache: "no-store" });
    return answer.ok ? await answer.json() : {};
  } catch {
    return {};
  }
}

/** The small line at the top: what is going on. */
function status() {
  const pill = byId("live-pill");
  const words = /** @type {Record<string, string>} */ ({
    idle: "Off",
    connecting: "Connecting",
    live: "Live",
    waiting: "Waiting",
    failed: "Not connected",
  });
  avatar.addEventListener("connection", (event) => {
    const { phase } = /** @type {CustomEvent} */ (event).detail;
    pill.dataset.phase = phase;
    byId("live-text").textContent = words[phase] ?? phase;
  });
}

function key() {
  const form = byId("key-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    avatar.apiKey = /** @type {HTMLInputElement} */ (byId("key")).value.trim();
    form.hidden = true;
    avatar.disconnect();
    avatar.connect();
  });
  avatar.addEventListener("error", (event) => {
    if (/** @type {CustomEvent} */ (/** @type {Event} */ (event)).detail.code === "unauthorized") form.hidden = false;
  });
}

/** @param {Info} info */
function faces({ avatars = [] }) {
  if (avatars.length < 2) return;
  const box = byId("faces");
  for (const name of avatars) {
    const button = make("button", { text: name });
    button.type = "button";
    button.dataset.name = name;
    const picture = make("img");
    picture.alt = "";
    picture.addEventListener("error", () => picture.remove());
    picture.src = new URL(`v1/avatars/${encodeURIComponent(name)}/picture`, document.baseURI).href;
    button.prepend(picture);
    button.addEventListener("click", () => {
      avatar.setAttribute("poster", picture.src); // until the other one is there
      avatar.avatar = name;
    });
    box.append(button);
  }
  /** @param {string} shown */
  const press = (shown) => {
    for (const each of box.querySelectorAll("button")) each.setAttribute("aria-pressed", String(each.dataset.name === shown));
  };
  press(shownFace);
  avatar.addEventListener("ready", (event) => press(/** @type {CustomEvent} */ (event).detail.avatar));
  byId("faces-group").hidden = false;
}

/** @param {Info} info */
function sizes({ sizes: offered = [], default_size: standard }) {
  if (offered.length < 2) return;
  const box = byId("sizes");
  for (const size of offered) {
    const button = make("button", { text: `${size} px` });
    button.type = "button";
    button.setAttribute("aria-pressed", String(size === standard));
    button.addEventListener("click", () => {
      for (const each of box.children) each.setAttribute("aria-pressed", String(each === button));
      avatar.size = size;
    });
    box.append(button);
  }
  byId("sizes-group").hidden = false;
}
