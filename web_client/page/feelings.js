// @ts-check
/** Emotion chips that also show what the engine reads, intensity, and the conversation's states. */

import { byId, make } from "./dom.js";

/** @typedef {import("../talking-avatar.js").TalkingAvatar} TalkingAvatar */

const HEAD = "M12 2.5a9.5 9.5 0 1 0 .01 0z";
/** Eyes, brows and mouth of each face, on a field of 24 x 24. */
const FACES = /** @type {Record<string, string>} */ ({
  joy: "M8.6 9.6v.5M15.4 9.6v.5M7.4 13.6c1 2.2 2.6 3.3 4.6 3.300s3.6-1.1 4.6-3.300z",
  surprise: "M8.6 9.8v.5M15.4 9.8v.5M7.2 7.100c.8-.7 1.7-.8 2.6-.4M14.2 6.700c.9-.4 1.8-.3 2.6.4M12 13.800a1.7 2 0 1 0 .01 0z",
  sadness: "M8.6 10.600v.5M15.4 10.600v.5M7 9l2.6-1.300M17 9l-2.6-1.300M8.8 16.700c.8-1.2 1.9-1.8 3.2-1.800s2.4.6 3.2 1.8",
  anger: "M8.6 10.800v.5M15.4 10.800v.5M6.8 7.900l3 1.400M17.2 7.900l-3 1.400M8.9 16.300c2-.9 4.2-.9 6.2 0",
  fear: "M8.6 10.200v.5M15.4 10.200v.5M7 8l2.5-1.200M17 8l-2.5-1.200M7.9 15.900l2-1.3 2.1 1.3 2.1-1.3 2 1.3",
  disgust: "M7.6 10.100l2.1.500M16.4 10.100l-2.1.500M8.1 15.900c1.4-1.2 2.7-1.2 3.9-.1s2.5 1.2 3.9-.9",
  neutral: "M8.6 9.800v.5M15.4 9.800v.5M9 15.300h6",
});

/** @param {TalkingAvatar} avatar */
export function feelings(avatar) {
  const box = byId("feelings");
  const intensity = /** @type {HTMLInputElement} */ (byId("intensity"));
  /** @type {string | null} */
  let chosen = null;
  const auto = chip("auto", "Auto", "");
  const chips = new Map([[/** @type {string | null} */ (null), auto]]);
  box.append(auto);
  for (const [name, face] of Object.entries(FACES)) {
    const label = name[0].toUpperCase() + name.slice(1);
    const each = chip(name, label, face);
    chips.set(name, each);
    box.append(each);
  }
  const send = () => {
    if (!avatar.connected) return;
    avatar.setEmotion(chosen, Number(intensity.value) / 100);
  };
  const show = () => {
    for (const [name, each] of chips) each.setAttribute("aria-pressed", String(name === chosen));
    intensity.disabled = chosen === null;
  };
  box.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    if (!button) return;
    chosen = button.dataset.name === "auto" ? null : (button.dataset.name ?? null);
    show();
    send();
  });
  intensity.addEventListener("input", () => {
    byId("intensity-out").textContent = `${intensity.value}\u00a0%`;
  });
  intensity.addEventListener("change", () => chosen && send());
  avatar.addEventListener("emotion", (event) => {
    const { scores } = /** @type {CustomEvent} */ (event).detail;
    for (const [name, each] of chips) if (name) each.style.setProperty("--score", String(shown(scores?.[name])));
  });
  avatar.addEventListener("ready", () => chosen && send()); // a new session knows nothing of it
  show();
}

/**
 * What hardly counts is not shown: a chip with a speck looks broken.
 * @param {number | undefined} score
 */
const shown = (score = 0) => (score < 0.08 ? 0 : score);

/**
 * @param {string} name
 * @param {string} label
 * @param {string} face
 * @returns {HTMLButtonElement}
 */
function chip(name, label, face) {
  const button = make("button", { class: "feeling" });
  button.type = "button";
  button.dataset.name = name;
  if (face) {
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    picture.setAttribute("viewBox", "0 0 24 24");
    picture.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", HEAD + face);
    picture.append(path);
    button.append(picture);
  }
  button.append(make("span", { text: label }));
  return button;
}

/** @param {TalkingAvatar} avatar */
export function states(avatar) {
  const box = byId("states");
  const buttons = [...box.querySelectorAll("button")];
  box.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    if (!button || !avatar.connected) return;
    avatar.setState(/** @type {any} */ (button.dataset.state));
  });
  avatar.addEventListener("state", (event) => {
    const { state } = /** @type {CustomEvent} */ (event).detail;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.state === state));
    byId("speaking-mark").classList.toggle("on", state === "speaking");
  });
}
