// @ts-check
/** The visible side of the element: picture, poster, notices, captions, buttons. Knows nothing of networks. */

import { build } from "./template.js";

/**
 * @typedef {import("./problems.js").AvatarError} AvatarError
 * @typedef {{toggleSound: () => void, toggleCaptions: () => void, stop: () => void, retry: () => void, unlock: () => void}} Actions
 */

/** A caption stays so long after the last word. */
const CAPTION_RESTS_MS = 1500;
/** Nobody needs to read of a connection that takes a moment only. */
const QUIET_MS = 600;
/** Waits shorter than this are told in a small pill, not on a card. */
const BRIEF_S = 1.2;

export class Screen {
  /** @type {ShadowRoot} */
  #root;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #captionTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pillTimer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;
  #captionsOn = false;
  /** Which problem was announced last: the same one is not read out at each try. */
  #told = "";

  /**
   * @param {HTMLElement} host
   * @param {Actions} actions
   */
  constructor(host, actions) {
    this.#root = build(host);
    this.frame = this.#find(".frame");
    this.video = /** @type {HTMLVideoElement} */ (this.#find("video"));
    this.#find(".sound").addEventListener("click", actions.toggleSound);
    this.#find(".cc").addEventListener("click", actions.toggleCaptions);
    this.#find(".stop").addEventListener("click", actions.stop);
    this.#find(".retry").addEventListener("click", actions.retry);
    this.#find(".unlock").addEventListener("click", actions.unlock);
    this.#find(".full").addEventListener("click", () => this.toggleFullscreen());
    this.#find(".full").hidden = !document.fullscreenEnabled;
    this.frame.addEventListener("keydown", (event) => this.#key(event, actions));
    this.video.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** @param {string} selector @returns {HTMLElement} */
  #find(selector) {
    return /** @type {HTMLElement} */ (this.#root.querySelector(selector));
  }

  /** @param {KeyboardEvent} event @param {Actions} actions */
  #key(event, actions) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "escape" && this.frame.classList.contains("speaking")) actions.stop();
    else if (key === "m") actions.toggleSound();
    else if (key === "c") actions.toggleCaptions();
    else if (key === "f") this.toggleFullscreen();
    else return;
    event.preventDefault();
  }

  /** @param {string} name what the avatar is called */
  label(name) {
    this.frame.setAttribute("aria-label", `Talking avatar ${name}`.trim());
    this.video.setAttribute("aria-label", `Live picture of the avatar ${name}`.trim());
  }

  /** @param {string} address */
  poster(address) {
    const image = /** @type {HTMLImageElement} */ (this.#find(".poster"));
    image.src = address;
  }

  /** @param {boolean} shown */
  bar(shown) {
    this.frame.classList.toggle("with-bar", shown);
  }

  /** @param {boolean} on */
  sound(on) {
    this.#find(".sound").setAttribute("aria-pressed", String(on));
  }

  /** @param {boolean} on */
  captions(on) {
    this.#captionsOn = on;
    this.#find(".cc").setAttribute("aria-pressed", String(on));
    if (!on) this.#find(".captions").classList.remove("on");
  }

  /** The first frame of this connection has been painted. */
  painted() {
    this.frame.classList.add("live");
  }

  /** The picture stands or is gone; the face at rest takes its place. */
  blank() {
    this.frame.classList.remove("live");
  }

  /** @param {boolean} on */
  speaking(on) {
    this.frame.classList.toggle("speaking", on);
    const stop = this.#find(".stop");
    if (!on && this.#root.activeElement === stop) this.#find(".sound").focus(); // focus must not fall off the page
    stop.hidden = !on;
    if (on) clearTimeout(this.#captionTimer);
    else this.#captionTimer = setTimeout(() => this.#find(".captions").classList.remove("on"), CAPTION_RESTS_MS);
  }

  /** @param {string} text a sentence that begins to be said */
  caption(text) {
    if (!this.#captionsOn) return;
    this.#find(".line-of-text").textContent = text;
    this.#find(".captions").classList.add("on");
    const log = this.#find(".spoken");
    const line = document.createElement("span");
    line.textContent = `${text} `;
    log.append(line);
    while (log.childElementCount > 6) log.firstElementChild?.remove();
  }

  connecting() {
    if (!this.#find(".notice").hidden) return; // it stays until things are better, or differently bad
    this.#clear();
    if (this.#find(".unlock").classList.contains("start")) this.unlock("");
    this.status("Connecting");
    this.#pillTimer = setTimeout(() => this.#pill("Connecting"), QUIET_MS);
  }

  live() {
    this.#clear();
    this.#told = "";
    this.status("The avatar is live");
  }

  idle() {
    this.#clear();
    this.blank();
    this.unlock("Start the avatar");
    this.#find(".unlock").classList.add("start");
  }

  /**
   * Why there is no picture.
   * @param {AvatarError} problem
   * @param {number} retryIn seconds; 0: only by hand
   */
  trouble(problem, retryIn) {
    this.#clear();
    if (retryIn && retryIn < BRIEF_S) {
      this.status(problem.title);
      this.#pill("Reconnecting");
      return;
    }
    this.frame.classList.add("troubled");
    this.#find(".title").textContent = problem.title;
    this.#find(".text").textContent = problem.remedy;
    this.#find(".detail").textContent = problem.detail;
    const until = performance.now() + retryIn * 1000;
    const show = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      const when = left > 0 ? ` · in ${left} s` : " · trying";
      this.#find(".countdown").textContent = retryIn ? when : "";
    };
    show();
    if (retryIn) this.#countdown = setInterval(show, 250);
    this.#find(".notice").hidden = false;
    const again = retryIn ? `Trying again in ${Math.ceil(retryIn)} seconds.` : "";
    if (this.#told !== problem.code) this.status(`${problem.title}. ${problem.remedy} ${problem.detail} ${again}`);
    this.#told = problem.code;
  }

  /** @param {string} text of the one big button; "" hides it */
  unlock(text) {
    this.#find(".unlock").hidden = !text;
    this.#find(".unlock").classList.remove("start");
    this.#find(".unlock-text").textContent = text;
    if (text) this.status(text);
  }

  /** @param {string} text for screen readers */
  status(text) {
    this.#find(".status").textContent = text;
  }

  toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.frame.requestFullscreen?.().catch(() => {});
  }

  /** @param {string} text */
  #pill(text) {
    this.#find(".pill-text").textContent = text;
    this.#find(".pill").hidden = false;
  }

  #clear() {
    clearTimeout(this.#pillTimer);
    clearInterval(this.#countdown);
    this.#find(".pill").hidden = true;
    this.#find(".notice").hidden = true;
    this.frame.classList.remove("troubled");
  }
}
