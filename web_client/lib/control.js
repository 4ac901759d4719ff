// @ts-check
/** The control and speech channel of one session (WebSocket): commands out, events in. */

import { AvatarError, fromEngine } from "./problems.js";

/**
 * @typedef {{type: string, id?: string, [field: string]: any}} EngineMessage
 *
 * @typedef {object} PlaybackReport
 * @property {string} id
 * @property {number} position_s seconds of this speech that were heard
 * @property {boolean} interrupted
 * @property {string} heard_text
 */

const OPEN_WITHIN_MS = 8_000;
/** An interrupt that nothing answers had nothing to stop. */
const INTERRUPT_ANSWER_MS = 2_000;
/** Close codes of the engine, in our words. */
const CLOSED = /** @type {Record<number, string>} */ ({
  1001: "server-stopping",
  1012: "server-stopping",
  1013: "full",
  4401: "unauthorized",
  4403: "unauthorized",
  4404: "expired",
  4410: "expired",
});

let counter = 0;

export class ControlChannel extends EventTarget {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, {resolve: (report: PlaybackReport) => void, reject: (error: AvatarError) => void}>} */
  #speaking = new Map();
  /** @type {Map<string, (report: PlaybackReport) => void>} */
  #interrupts = new Map();
  #prefix = Math.random().toString(36).slice(2, 8);
  #closing = false;

  /** @returns {boolean} */
  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Bytes that wait in the browser. */
  get waiting() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /**
   * Events afterwards: `message` (detail: EngineMessage), `lost` (detail: AvatarError).
   * @param {string} url with the session's token
   * @returns {Promise<EngineMessage>} the engine's `ready`
   */
  connect(url) {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => socket.close(), OPEN_WITHIN_MS);
      let ready = false;
      socket.addEventListener("message", ({ data }) => {
        const message = parse(data);
        if (!message) return;
        if (message.type === "ready" && !ready) {
          ready = true;
          clearTimeout(timer);
          resolve(message);
        }
        this.#take(message);
      });
      socket.addEventListener("close", ({ code, reason }) => {
        clearTimeout(timer);
        const error = new AvatarError(CLOSED[code] ?? "connection-lost", { detail: reason });
        reject(error);
        this.#drop(error);
        if (ready && !this.#closing) this.dispatchEvent(new CustomEvent("lost", { detail: error }));
      });
    });
  }

  close() {
    this.#closing = true;
    this.#socket?.close(1000);
    this.#drop(new AvatarError("disconnected"));
  }

  /**
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   * @returns {string} the command's id, echoed in what it causes
   */
  send(type, fields = {}) {
    if (!this.open) throw new AvatarError("not-connected");
    const id = `${this.#prefix}-${++counter}`;
    this.#socket?.send(JSON.stringify({ type, id, ...fields }));
    return id;
  }

  /** @param {ArrayBuffer | ArrayBufferView<ArrayBuffer>} pcm */
  sendBinary(pcm) {
    if (!this.open) throw new AvatarError("not-connected");
    this.#socket?.send(pcm);
  }

  /**
   * A command that makes the avatar speak.
   * @param {string} type say, chat or speech.start
   * @param {Record<string, unknown>} fields
   * @returns {{id: string, finished: Promise<PlaybackReport>}}
   */
  speech(type, fields) {
    const id = this.send(type, fields);
    /** @type {Promise<PlaybackReport>} */
    const finished = new Promise((resolve, reject) => this.#speaking.set(id, { resolve, reject }));
    finished.catch(() => {}); // whoever does not wait for the end need not hear of its failure twice
    return { id, finished };
  }

  /** Whether this speech has not ended yet. @param {string} id */
  goesOn(id) {
    return this.#speaking.has(id);
  }

  /** @returns {Promise<PlaybackReport>} what was heard of the speech that was stopped; zeros when there was none */
  interrupt() {
    const waiting = [...this.#speaking.keys()];
    const id = this.send("interrupt");
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#interrupts.get(id)?.(silence(id, false)), INTERRUPT_ANSWER_MS);
      this.#interrupts.set(id, (report) => {
        clearTimeout(timer);
        this.#interrupts.delete(id);
        // What was only being thought of (a chat's answer) has no end of its own to be told.
        for (const each of waiting) {
          this.#speaking.get(each)?.resolve(silence(each, true));
          this.#speaking.delete(each);
        }
        resolve(report);
      });
    });
  }

  /** @param {EngineMessage} message */
  #take(message) {
    const id = message.id ?? "";
    if (message.type === "speech.finished") {
      this.#speaking.get(id)?.resolve(reportOf(message));
      this.#speaking.delete(id);
    }
    if (message.type === "error" && id) {
      this.#speaking.get(id)?.reject(fromEngine(message));
      this.#speaking.delete(id);
    }
    if (message.type === "interrupted") {
      const { utterance = null } = message;
      this.#interrupts.get(id)?.({ ...reportOf(message), id: utterance ?? id, interrupted: utterance !== null });
    }
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  /** @param {AvatarError} error */
  #drop(error) {
    for (const { reject } of this.#speaking.values()) reject(error);
    this.#speaking.clear();
    for (const [id, answer] of this.#interrupts) answer(silence(id, false));
  }
}

/**
 * @param {string} id
 * @param {boolean} interrupted
 * @returns {PlaybackReport} of speech of which nothing was heard
 */
function silence(id, interrupted) {
  return { id, position_s: 0, interrupted, heard_text: "" };
}

/**
 * @param {EngineMessage} message
 * @returns {PlaybackReport}
 */
function reportOf(message) {
  return {
    id: message.id ?? "",
    position_s: Number(message.position_s ?? 0),
    interrupted: Boolean(message.interrupted),
    heard_text: String(message.heard_text ?? ""),
  };
}

/**
 * @param {unknown} data
 * @returns {EngineMessage | null}
 */
function parse(data) {
  if (typeof data !== "string") return null;
  try {
    const message = JSON.parse(data);
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}
