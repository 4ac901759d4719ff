// @ts-check
/**
 * Why there is no picture, or why a command failed: in words that a person can act upon.
 */

/**
 * @typedef {object} Wording
 * @property {string} title
 * @property {string} text
 * @property {boolean} retryable whether trying again by itself makes sense
 */

/** @type {Record<string, Wording>} */
const WORDS = {
  offline: {
    title: "You are offline",
    text: "This device has no network connection. The avatar comes back as soon as it has one.",
    retryable: true,
  },
  unreachable: {
    title: "The avatar server does not answer",
    text: "Check that it is running, that the address is right, and that this page may use it (its CORS list; "
      + "for an address in your own network the browser may ask you for permission).",
    retryable: true,
  },
  full: {
    title: "All places are taken",
    text: "The server carries as many avatars as it can draw smoothly. You are next as soon as one leaves.",
    retryable: true,
  },
  starting: {
    title: "The server is starting",
    text: "It measures how fast this machine draws. That takes a few seconds.",
    retryable: true,
  },
  unauthorized: {
    title: "The server asks for a valid key",
    text: "Enter the right API key, or let your own server create the session for this page.",
    retryable: false,
  },
  "not-found": {
    title: "No avatar service at this address",
    text: "The server answers, but not as an avatar engine. Check the src attribute.",
    retryable: false,
  },
  refused: {
    title: "The server did not accept the request",
    text: "Check the avatar's name and the size.",
    retryable: false,
  },
  "server-error": {
    title: "The server has a problem",
    text: "It could not start a session. Its log says why.",
    retryable: true,
  },
  "bad-answer": {
    title: "The server's answer makes no sense",
    text: "The address must create sessions: session_id, token, whep_url and ws_url are expected.",
    retryable: false,
  },
  "mixed-content": {
    title: "A secure page cannot use an insecure server",
    text: "This page was loaded by https, the avatar server is plain http. Start it with --tls-cert and --tls-key.",
    retryable: false,
  },
  "no-webrtc": {
    title: "This browser cannot show live pictures",
    text: "WebRTC is missing or switched off. A current Chrome, Edge, Firefox or Safari has it.",
    retryable: false,
  },
  "ice-failed": {
    title: "Picture and sound cannot get through",
    text: "Control works, but no network path for media was found. Check that the server's UDP ports are open, "
      + "that it knows its public address, or give it a TURN server. A VPN or a strict firewall can block UDP too.",
    retryable: true,
  },
  "no-picture": {
    title: "Connected, but no picture arrives",
    text: "The path for media is open, yet nothing comes. The connection is being made afresh.",
    retryable: true,
  },
  "connection-lost": {
    title: "The connection was lost",
    text: "The network or the server went away for a moment.",
    retryable: true,
  },
  "worker-lost": {
    title: "The avatar's engine stopped",
    text: "The process that draws this avatar ended. A new one is being started.",
    retryable: true,
  },
  expired: {
    title: "The session has ended",
    text: "It was idle for too long or reached its time limit. A new one is being made.",
    retryable: true,
  },
  ended: {
    title: "The session has ended",
    text: "Whoever made it has to make another one and tell its address.",
    retryable: false,
  },
  "server-stopping": {
    title: "The server is restarting",
    text: "It asked everybody to leave. The avatar comes back when it does.",
    retryable: true,
  },
  "autoplay-blocked": {
    title: "Sound is off",
    text: "Browsers stay silent until you click or tap. Use the button once.",
    retryable: false,
  },
  "microphone-denied": {
    title: "The microphone is blocked",
    text: "Allow it in the browser's address bar (or in the system settings), then try again.",
    retryable: false,
  },
  "microphone-missing": {
    title: "No microphone was found",
    text: "Plug one in or choose one in the system settings, then try again.",
    retryable: false,
  },
  "microphone-insecure": {
    title: "The microphone needs https",
    text: "Browsers give a microphone only to https pages and to localhost. "
      + "Start the server with --tls-cert and --tls-key.",
    retryable: false,
  },
  "not-connected": {
    title: "The avatar is not connected",
    text: "Wait for the ready event, or call connect() first.",
    retryable: true,
  },
  "unsupported-audio": {
    title: "This sound cannot be sent",
    text: "Give Int16Array, Float32Array, ArrayBuffer (PCM16) or AudioBuffer, mono or stereo.",
    retryable: false,
  },
  busy: {
    title: "Too much to say at once",
    text: "Several texts are waiting already. Let one finish or interrupt.",
    retryable: true,
  },
  disconnected: {
    title: "Not connected",
    text: "The avatar was switched off.",
    retryable: false,
  },
};

/** Codes of the engine's error messages that have words of their own here. */
const ENGINE_CODES = /** @type {Record<string, string>} */ ({
  unauthorized: "unauthorized",
  not_found: "expired",
  expired: "expired",
  worker_lost: "worker-lost",
  busy: "busy",
});

export class AvatarError extends Error {
  /**
   * @param {string} code
   * @param {{detail?: string, retryAfter?: number | null, cause?: unknown, retryable?: boolean}} [more]
   */
  constructor(code, more = {}) {
    const words = WORDS[code] ?? { title: "Something went wrong", text: "", retryable: true };
    super(more.detail ? `${words.title}: ${more.detail}` : `${words.title}. ${words.text}`, { cause: more.cause });
    this.name = "AvatarError";
    /** Stable, for programs. */
    this.code = code;
    /** One short line for people. */
    this.title = words.title;
    /** What to check or do. */
    this.remedy = words.text;
    /** What the server or browser said, if anything. */
    this.detail = more.detail ?? "";
    this.retryable = more.retryable ?? words.retryable;
    /** Seconds that the server asked to wait, or null. */
    this.retryAfter = more.retryAfter ?? null;
  }
}

/**
 * @param {Record<string, any>} message an `error` of the engine
 * @returns {AvatarError}
 */
export function fromEngine(message) {
  const code = String(message.code ?? "internal");
  const known = ENGINE_CODES[code];
  return new AvatarError(known ?? code, {
    detail: String(message.message ?? ""),
    retryable: message.retryable ?? false,
  });
}

/**
 * @param {unknown} thrown
 * @returns {AvatarError}
 */
export function asAvatarError(thrown) {
  if (thrown instanceof AvatarError) return thrown;
  return new AvatarError("connection-lost", { detail: thrown instanceof Error ? thrown.message : "", cause: thrown });
}
