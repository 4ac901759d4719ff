// @ts-check
/**
 * <talking-avatar src="https://avatars.example"> shows a live avatar and makes it speak.
 *
 *   <script type="module" src="https://avatars.example/talking-avatar.js"></script>
 *   <talking-avatar src="https://avatars.example" controls captions autoplay></talking-avatar>
 *
 * `src` is the engine's origin, or any address that answers a POST with a session (your own server, which adds
 * the API key). Attributes, events and methods: README.md beside this file.
 */

import { AttributesElement } from "./lib/attributes.js";
import { Connection } from "./lib/connection.js";
import { Mirror } from "./lib/mirror.js";
import { Playback } from "./lib/playback.js";
import { AvatarError, asAvatarError, fromEngine } from "./lib/problems.js";
import { Screen } from "./lib/screen.js";
import { sendSpeech } from "./lib/speech-upload.js";

/**
 * @typedef {import("./lib/control.js").EngineMessage} EngineMessage
 * @typedef {import("./lib/control.js").PlaybackReport} PlaybackReport
 * @typedef {import("./lib/connection.js").SessionTicket} SessionTicket
 * @typedef {import("./lib/numbers.js").LiveNumbers} LiveNumbers
 * @typedef {import("./lib/pcm.js").Sound} Sound
 */

const POSTER = new URL("./poster.jpg", import.meta.url).href;
/** Attributes that another session is needed for. */
const SESSION_ATTRIBUTES = new Set(["src", "avatar", "size"]);

export class TalkingAvatar extends AttributesElement {
  static observedAttributes = ["src", "avatar", "size", "muted", "captions", "controls", "poster"];

  /** API key of the server. Never an attribute: it would stand in the page. Better: let your server make the session. */
  apiKey = "";
  /** @type {SessionTicket | null} a session made elsewhere, used instead of asking `src` for one */
  session = null;
  /** "idle", "listening", "thinking" or "speaking", as the engine last said. */
  state = "idle";

  /** @type {Screen} */
  #screen;
  /** @type {Playback} */
  #playback;
  /** @type {Connection | null} */
  #connection = null;
  #mirror = new Mirror();
  /** @type {Promise<unknown>} sound for the engine goes in one after the other */
  #upload = Promise.resolve();
  #speaking = "";
  #askedAt = 0;
  #announced = false;
  #renewing = false;

  constructor() {
    super();
    this.#screen = new Screen(this, {
      toggleSound: () => this.#toggleSound(),
      toggleCaptions: () => this.toggleAttribute("captions"),
      stop: () => void this.interrupt().catch(() => {}),
      retry: () => this.#connection?.retryNow(),
      unlock: () => (this.#connection ? this.#playback.unlock() : this.connect()),
    });
    this.#playback = new Playback(this.#screen.video);
    this.#listen();
  }

  connectedCallback() {
    this.#screen.label(this.getAttribute("avatar") ?? "");
    this.#screen.poster(this.getAttribute("poster") || POSTER);
    this.#screen.sound(!this.muted);
    this.#screen.captions(this.captions);
    addEventListener("pagehide", this.#leave);
    addEventListener("pageshow", this.#comeBack);
    queueMicrotask(() => {
      if (!this.isConnected || this.#connection) return;
      if (this.hasAttribute("autoplay")) this.connect();
      else this.#screen.idle();
    });
  }

  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return; // only moved
      removeEventListener("pagehide", this.#leave);
      removeEventListener("pageshow", this.#comeBack);
      this.disconnect();
    });
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} value
   */
  attributeChangedCallback(name, before, value) {
    if (before === value) return;
    if (name === "muted") {
      this.#screen.sound(value === null);
      this.#playback.mute(value !== null);
    }
    if (name === "captions") this.#screen.captions(value !== null);
    if (name === "controls") this.#screen.bar(value !== null);
    if (name === "poster") this.#screen.poster(value || POSTER);
    if (name === "avatar") this.#screen.label(value ?? "");
    if (SESSION_ATTRIBUTES.has(name)) this.#renew();
  }

  // ---------------------------------------------------------------- what is going on

  /** Whether picture and control are there. */
  get connected() {
    return this.#connection?.phase === "live";
  }

  get speaking() {
    return this.#speaking !== "";
  }

  get microphoneOn() {
    return this.#mirror.on;
  }

  // ---------------------------------------------------------------- methods

  /** Connects and stays connected, through every fault, until disconnect(). */
  connect() {
    if (this.#connection) {
      this.#connection.retryNow();
      return;
    }
    const connection = new Connection({
      src: this.src,
      apiKey: this.apiKey,
      avatar: this.avatar,
      size: this.size,
      ticket: this.session,
    });
    this.#connection = connection;
    connection.addEventListener("phase", (event) => this.#phase(/** @type {CustomEvent} */ (event).detail));
    connection.addEventListener("stream", (event) => {
      this.#announced = false;
      this.#screen.blank();
      this.#playback.show(/** @type {CustomEvent} */ (event).detail);
    });
    connection.addEventListener("message", (event) => this.#message(/** @type {CustomEvent} */ (event).detail));
    void connection.start();
  }

  disconnect() {
    this.stopMicrophone();
    const connection = this.#connection;
    this.#connection = null;
    connection?.stop();
    this.#playback.clear();
    this.#notSpeaking();
    this.#screen.idle();
  }

  /**
   * The engine's own voice says it.
   * @param {string} text
   * @returns {Promise<PlaybackReport>} when it has been said or interrupted; fails with an AvatarError
   */
  async say(text) {
    return this.#control().speech("say", { text }).finished;
  }

  /**
   * The server's chat relay answers it, aloud.
   * @param {string} text
   * @returns {Promise<PlaybackReport>} when the answer has been said or interrupted; fails with an AvatarError
   */
  async chat(text) {
    return this.#control().speech("chat", { text }).finished;
  }

  /**
   * Speech from your own voice. Pieces of a stream are said as they come.
   * @param {Sound | AsyncIterable<Sound>} sound
   * @param {{sampleRate?: number, text?: string}} [options] sampleRate of arrays (default 24000); the text helps face and captions
   * @returns {Promise<PlaybackReport>} when it has been said or interrupted; fails with an AvatarError
   */
  async sendAudio(sound, options = {}) {
    if (this.#mirror.on) throw new AvatarError("busy", { detail: "the microphone is on", retryable: false });
    const control = this.#control();
    const turn = this.#upload.then(() => sendSpeech(control, sound, options));
    this.#upload = turn.catch(() => {});
    return (await turn).finished;
  }

  /** @returns {Promise<PlaybackReport>} how much was heard, as `{position_s, heard_text}`; zeros when nothing was being said */
  async interrupt() {
    return this.#control().interrupt();
  }

  /**
   * @param {string | null} name anger, disgust, fear, joy, neutral, sadness, surprise; null: as text and voice have it
   * @param {number} [intensity] 0..1
   * @param {number | null} [ttl] seconds; null: until changed
   */
  setEmotion(name, intensity = 0.8, ttl = null) {
    const fields = name === null ? { emotion: null } : { emotion: name, intensity, ...(ttl !== null && { ttl_s: ttl }) };
    this.#control().send("emotion.set", fields);
  }

  /** @param {"idle" | "listening" | "thinking"} state */
  setState(state) {
    this.#control().send("state.set", { state });
  }

  /** From now on `motion` events tell the face's weights, 25 a second. */
  subscribeMotion() {
    this.#control().send("motion.subscribe");
  }

  /**
   * The avatar says at once what the microphone hears.
   * @param {{monitor?: boolean}} [options] monitor: leave the avatar's sound on (for headphones)
   */
  async startMicrophone({ monitor = false } = {}) {
    try {
      await this.#mirror.start(this.#control());
      if (!monitor) this.#screen.video.volume = 0;
    } catch (thrown) {
      const error = asAvatarError(thrown);
      this.#fail(error);
      throw error;
    }
  }

  stopMicrophone() {
    this.#mirror.stop(this.connected ? this.#control() : null);
  }

  /** @returns {Promise<LiveNumbers | null>} what this browser really shows; rates from the second call on, a second later */
  async numbers() {
    const peer = this.#connection?.peer;
    return peer ? this.#playback.probe.read(peer) : null;
  }

  // ---------------------------------------------------------------- inside

  #control() {
    if (!this.#connection) throw new AvatarError("not-connected");
    if (this.#playback.blocked && navigator.userActivation?.isActive) this.#playback.unlock();
    return this.#connection.control;
  }

  #listen() {
    const { video } = this.#screen;
    this.#mirror.addEventListener("change", (event) => {
      const { detail } = /** @type {CustomEvent} */ (event);
      if (!detail.on) video.volume = 1;
      this.#emit("microphone", detail);
    });
    this.#playback.addEventListener("painted", () => {
      this.#screen.painted();
      this.#announce();
    });
    this.#playback.addEventListener("stalled", () => {
      const problem = new AvatarError("no-picture");
      this.#fail(problem);
      this.#connection?.renewViewer(problem);
    });
    this.#playback.addEventListener("blocked", (event) => {
      const { picture } = /** @type {CustomEvent} */ (event).detail;
      this.#screen.unlock(picture ? "Turn sound on" : "Start the avatar");
      this.#fail(new AvatarError("autoplay-blocked"));
    });
    this.#playback.addEventListener("unblocked", () => this.#screen.unlock(""));
  }

  #toggleSound() {
    if (this.#playback.blocked) this.#playback.unlock();
    else this.toggleAttribute("muted");
  }

  /** @param {{phase: string, problem: AvatarError | null, retryIn: number, again: boolean}} change */
  #phase({ phase, problem, retryIn, again }) {
    if (phase === "connecting") {
      this.#askedAt = performance.now();
      this.#screen.connecting();
    }
    if (phase === "live") {
      this.#screen.live();
      this.#playback.expectFrames();
      this.#announce();
    }
    if (problem && (phase === "waiting" || phase === "failed")) {
      this.#screen.trouble(problem, retryIn);
      this.#fail(problem);
    }
    if (phase !== "live") {
      this.stopMicrophone();
      this.#notSpeaking();
    }
    this.#emit("connection", { phase, problem, retry_in_s: retryIn, again });
  }

  /** `ready` means both: commands are taken and a picture is there. */
  #announce() {
    const painted = this.#screen.frame.classList.contains("live");
    if (this.#announced || !painted || !this.connected) return;
    this.#announced = true;
    this.#emit("ready", { ...this.#welcome, connect_ms: performance.now() - this.#askedAt, session_id: this.#connection?.sessionId });
  }

  /** @type {Record<string, unknown>} what the engine said of itself */
  #welcome = {};

  /** @param {EngineMessage} message */
  #message(message) {
    const { type, ...detail } = message;
    if (type === "ready") this.#welcome = detail;
    if (type === "state") {
      this.state = String(detail.state);
      this.#emit("state", detail);
    }
    if (type === "speech.started") {
      this.#speaking = detail.id ?? "speech";
      this.#screen.speaking(true);
      this.#emit("speaking", { active: true, ...detail });
    }
    if (type === "caption") {
      this.#screen.caption(String(detail.text));
      this.#emit("caption", detail);
    }
    if (type === "speech.finished") this.#finished(detail);
    if (type === "emotion") this.#emit("emotion", { ...detail, strongest: strongest(detail.scores) });
    if (type === "stats" || type === "motion") this.#emit(type, detail);
    if (type === "error") this.#fail(fromEngine(detail), detail.id);
  }

  /** @param {Record<string, any>} detail */
  #finished(detail) {
    if (this.#speaking !== (detail.id ?? "speech")) return; // one that only waited
    this.#notSpeaking();
    this.#emit("speaking", { active: false, ...detail });
    if (detail.interrupted) this.#emit("interrupted", detail);
  }

  #notSpeaking() {
    this.#speaking = "";
    this.#screen.speaking(false);
  }

  #renew() {
    if (!this.#connection || this.#renewing) return;
    this.#renewing = true;
    queueMicrotask(() => {
      this.#renewing = false;
      if (!this.#connection) return;
      this.disconnect();
      this.connect();
    });
  }

  #asleep = false;

  #leave = () => {
    this.#asleep = this.#connection !== null;
    this.#connection?.stop(false);
    this.#connection = null;
  };

  /** @param {PageTransitionEvent} event */
  #comeBack = (event) => {
    if (event.persisted && this.#asleep) this.connect();
  };

  /**
   * @param {AvatarError} error
   * @param {string} [id] of the command that failed
   */
  #fail(error, id = "") {
    const { code, title, remedy, detail, retryable, retryAfter, message } = error;
    this.#emit("error", { code, message, title, remedy, reason: detail, retryable, retry_after_s: retryAfter, id, error });
  }

  /**
   * @param {string} type
   * @param {Record<string, unknown>} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * @param {Record<string, number> | undefined} scores
 * @returns {string}
 */
function strongest(scores) {
  const sorted = Object.entries(scores ?? {}).sort(([, a], [, b]) => b - a);
  return sorted[0]?.[0] ?? "";
}

if (!customElements.get("talking-avatar")) customElements.define("talking-avatar", TalkingAvatar);
