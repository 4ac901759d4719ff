// @ts-check
/** Plays the stream: sound where the browser lets us, first frames, pictures that stop coming. */

import { NumbersProbe } from "./numbers.js";

/** A living picture never stands still so long. */
const STALL_S = 5;

export class Playback extends EventTarget {
  #video;
  #muted = false;
  #silenced = false;
  #lastFrame = 0;
  #watching = false;
  #generation = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watchdog;
  probe = new NumbersProbe();

  /**
   * Events: `painted` (first frame of a stream; detail: {after_ms}), `stalled`, `blocked` (detail: {picture}), `unblocked`.
   * @param {HTMLVideoElement} video
   */
  constructor(video) {
    super();
    this.#video = video;
  }

  /** Whether the browser holds the sound back until somebody clicks. */
  get blocked() {
    return this.#silenced;
  }

  /** @param {MediaStream} stream */
  show(stream) {
    const began = performance.now();
    this.#generation += 1;
    this.#video.srcObject = stream;
    this.#lastFrame = 0;
    this.#countFrames(this.#generation, began);
    this.#play();
  }

  /** Pictures are due from now on; when they stop, `stalled` says so. */
  expectFrames() {
    this.#lastFrame = performance.now();
    clearInterval(this.#watchdog);
    this.#watchdog = setInterval(() => this.#look(), 1000);
  }

  clear() {
    this.#generation += 1;
    clearInterval(this.#watchdog);
    this.#video.srcObject = null;
    this.#stopWaiting();
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
    if (muted) this.#stopWaiting();
    this.#video.muted = muted || this.#silenced;
    if (!muted && this.#video.srcObject) this.#play();
  }

  /** To be called from a click or key press. */
  unlock() {
    if (!this.#video.srcObject) return;
    this.#silenced = false;
    this.#play();
  }

  async #play() {
    const video = this.#video;
    video.muted = this.#muted || this.#silenced;
    try {
      await video.play();
      if (!video.muted) this.#stopWaiting();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return; // a newer stream took over
      if (!video.muted) {
        this.#silenced = true;
        this.#wait(true);
        this.#play(); // a silent picture is better than none
      } else {
        this.#silenced = !this.#muted;
        this.#wait(false);
      }
    }
  }

  /** @param {boolean} picture whether at least the picture may play */
  #wait(picture) {
    this.dispatchEvent(new CustomEvent("blocked", { detail: { picture } }));
    if (this.#watching) return;
    this.#watching = true;
    for (const type of ["pointerup", "keyup"]) document.addEventListener(type, this.#gesture, true);
  }

  #gesture = () => this.unlock();

  #stopWaiting() {
    this.#silenced = false;
    if (!this.#watching) return;
    this.#watching = false;
    for (const type of ["pointerup", "keyup"]) document.removeEventListener(type, this.#gesture, true);
    this.dispatchEvent(new Event("unblocked"));
  }

  /**
   * @param {number} generation
   * @param {number} began
   */
  #countFrames(generation, began) {
    const video = this.#video;
    let first = true;
    const seen = () => {
      if (generation !== this.#generation) return;
      this.#lastFrame = performance.now();
      this.probe.frame();
      if (first) this.dispatchEvent(new CustomEvent("painted", { detail: { after_ms: this.#lastFrame - began } }));
      first = false;
      if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(seen);
    };
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(seen);
    else /** @type {HTMLVideoElement} */ (video).addEventListener("playing", seen, { once: true });
  }

  #look() {
    const counts = "requestVideoFrameCallback" in this.#video && !document.hidden && !this.#video.paused;
    if (!counts) this.#lastFrame = performance.now();
    if (performance.now() - this.#lastFrame < STALL_S * 1000) return;
    clearInterval(this.#watchdog);
    this.dispatchEvent(new Event("stalled"));
  }
}
