// @ts-check
/** Holds one avatar: session, control channel and viewer, each made afresh when it breaks, for as long as wanted. */

import { Backoff, pause } from "./backoff.js";
import { ControlChannel } from "./control.js";
import { AvatarError, asAvatarError } from "./problems.js";
import { completeTicket, createSession, endSession, sessionsAddress } from "./service.js";
import { Viewer } from "./whep.js";

/**
 * @typedef {import("./service.js").SessionTicket} SessionTicket
 * @typedef {import("./control.js").EngineMessage} EngineMessage
 * @typedef {"idle" | "connecting" | "live" | "waiting" | "failed"} Phase
 *
 * @typedef {object} ConnectionOptions
 * @property {string} src
 * @property {string} apiKey
 * @property {string} avatar
 * @property {number} size
 * @property {SessionTicket | null} ticket a session that somebody else made, used first
 */

/** After so many seconds without a fault the next one is met with the shortest wait again. */
const CALM_S = 10;
/** Problems after which the session at hand is of no use. */
const SESSION_GONE = new Set(["expired", "unauthorized", "not-found", "worker-lost"]);

export class Connection extends EventTarget {
  /** @type {ConnectionOptions} */
  #options;
  /** @type {SessionTicket | null} */
  #ticket = null;
  /** @type {ControlChannel | null} */
  #control = null;
  /** @type {Viewer | null} */
  #viewer = null;
  #stop = new AbortController();
  /** Ends a wait early. */
  #wake = new AbortController();
  #backoff = new Backoff();
  #rounds = 0;
  /** Whether the session at hand was made by somebody else, who also ends it. */
  #borrowed = false;
  /** @type {Phase} */
  phase = "idle";

  /**
   * Events: `phase` (detail: {phase, problem, retryIn}), `stream` (detail: MediaStream), `message` (EngineMessage).
   * @param {ConnectionOptions} options
   */
  constructor(options) {
    super();
    this.#options = options;
  }

  /** @returns {ControlChannel} throws AvatarError while there is none */
  get control() {
    if (!this.#control?.open) throw new AvatarError("not-connected");
    return this.#control;
  }

  /** @returns {RTCPeerConnection | null} */
  get peer() {
    return this.#viewer?.peer ?? null;
  }

  get sessionId() {
    return this.#ticket?.session_id ?? "";
  }

  /** Connects and stays connected until stop(). */
  async start() {
    const ended = this.#stop.signal;
    while (!ended.aborted) {
      const since = performance.now();
      try {
        this.#phase("connecting");
        const broken = this.#broken();
        await this.#assemble();
        if (ended.aborted) break;
        this.#phase("live");
        await broken.promise;
      } catch (thrown) {
        if (ended.aborted) break;
        if (performance.now() - since > CALM_S * 1000) this.#backoff.reset();
        if (!(await this.#recover(asAvatarError(thrown)))) return;
      }
    }
  }

  /** @param {boolean} [gently] false when the page goes away: nothing may be waited for */
  stop(gently = true) {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#wake.abort();
    this.#forget();
    if (gently) this.#phase("idle");
  }

  /** Tries again now instead of after the wait. */
  retryNow() {
    this.#wake.abort();
  }

  /** Makes picture and sound afresh; session and speech go on. @param {AvatarError} why */
  renewViewer(why) {
    this.#dropViewer();
    this.#break(why);
  }

  /** @type {(error: AvatarError) => void} */
  #break = () => {};

  /** A promise that fails as soon as any part breaks. */
  #broken() {
    /** @type {Promise<never>} */
    const promise = new Promise((_, reject) => {
      this.#break = reject;
    });
    promise.catch(() => {}); // it may break before anybody waits for it
    return { promise };
  }

  /** Makes whatever is missing; what still works is left alone. @returns {Promise<void>} */
  async #assemble() {
    const known = this.#ticket !== null;
    const ticket = (this.#ticket ??= await this.#newTicket());
    if (this.#stop.signal.aborted) return this.#dropSession();
    try {
      await Promise.all([this.#openControl(ticket), this.#openViewer(ticket)]);
    } catch (thrown) {
      const error = asAvatarError(thrown);
      const gone = SESSION_GONE.has(error.code);
      // Only the close of a session can be seen, not why the way back to it is barred: asking for another tells.
      if (!known || gone || this.#borrowed) throw error;
      this.#forget();
      return this.#assemble();
    }
  }

  async #newTicket() {
    const { src, apiKey, avatar, size, ticket } = this.#options;
    const address = sessionsAddress(src, document.baseURI);
    this.#borrowed = ticket !== null;
    if (ticket) {
      this.#options.ticket = null;
      return completeTicket(ticket, address);
    }
    return createSession(address, { apiKey, avatar, size, signal: this.#stop.signal });
  }

  /** @param {SessionTicket} ticket */
  async #openControl(ticket) {
    if (this.#control?.open) return;
    const control = new ControlChannel();
    this.#control = control;
    control.addEventListener("message", (event) => this.#take(/** @type {CustomEvent} */ (event).detail));
    control.addEventListener("lost", (event) => this.#break(/** @type {CustomEvent} */ (event).detail));
    await control.connect(ticket.ws_url);
  }

  /** @param {SessionTicket} ticket */
  async #openViewer(ticket) {
    if (this.#viewer?.open) return;
    this.#dropViewer();
    const viewer = new Viewer({ url: ticket.whep_url, token: ticket.token, iceServers: ticket.ice_servers });
    this.#viewer = viewer;
    viewer.addEventListener("lost", (event) => this.#break(/** @type {CustomEvent} */ (event).detail));
    this.dispatchEvent(new CustomEvent("stream", { detail: viewer.stream }));
    await viewer.connect();
  }

  /** @param {EngineMessage} message */
  #take(message) {
    if (message.type === "error" && !message.id) this.#sessionError(message);
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  /** @param {EngineMessage} message an error that belongs to no command */
  #sessionError(message) {
    if (message.retryable) return; // the engine mends it by itself and says so
    if (message.code === "worker_lost") this.#break(new AvatarError("worker-lost", { detail: message.message }));
    if (message.code === "expired") this.#break(new AvatarError("expired", { detail: message.message }));
    if (message.code === "renderer_failed") this.#break(new AvatarError("worker-lost", { detail: message.message }));
  }

  /**
   * Waits as long as is right.
   * @param {AvatarError} problem
   * @returns {Promise<boolean>} false when trying again makes no sense
   */
  async #recover(problem) {
    if (SESSION_GONE.has(problem.code)) {
      if (this.#borrowed) problem = this.#ended(problem);
      this.#forget();
    }
    if (!problem.retryable) {
      this.#forget();
      this.#phase("failed", problem);
      await this.#waitFor(Infinity);
      return !this.#stop.signal.aborted;
    }
    const seconds = problem.retryAfter ?? this.#backoff.next();
    this.#phase("waiting", problem, seconds);
    await this.#waitFor(seconds);
    return !this.#stop.signal.aborted;
  }

  /** A page that was lent a session makes one of its own only where it was told the address for it. @param {AvatarError} why */
  #ended(why) {
    return this.#options.src ? why : new AvatarError("ended", { detail: why.detail });
  }

  /** @param {number} seconds */
  async #waitFor(seconds) {
    this.#wake = new AbortController();
    if (this.#stop.signal.aborted) return;
    const wake = () => this.#wake.abort();
    addEventListener("online", wake);
    await pause(Math.min(seconds, 86_400), this.#wake.signal);
    removeEventListener("online", wake);
  }

  #forget() {
    this.#dropViewer(this.#borrowed);
    this.#control?.close();
    this.#control = null;
    this.#dropSession();
  }

  /** @param {boolean} [tell] the server; its session's end tells it all the same */
  #dropViewer(tell = true) {
    this.#viewer?.close(tell);
    this.#viewer = null;
  }

  #dropSession() {
    if (this.#ticket && !this.#borrowed) endSession(this.#ticket);
    this.#ticket = null;
    this.#borrowed = false;
  }

  /**
   * @param {Phase} phase
   * @param {AvatarError | null} [problem]
   * @param {number} [retryIn] seconds
   */
  #phase(phase, problem = null, retryIn = 0) {
    this.phase = phase;
    if (phase === "live") this.#rounds += 1;
    this.dispatchEvent(new CustomEvent("phase", { detail: { phase, problem, retryIn, again: this.#rounds > 1 } }));
  }
}
