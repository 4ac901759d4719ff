// @ts-check
/** One viewer of one session: picture and sound by WHEP (HTTP offer and answer, then WebRTC). */

import { AvatarError } from "./problems.js";
import { ask, refusal } from "./service.js";

const CONNECT_WITHIN_MS = 12_000;
/** A broken path often heals by itself within this time. */
const HEAL_MS = 4_000;
/** Milliseconds that the browser should hold back media. It adds what the network's jitter needs. */
const BUFFER_MS = 20;

export class Viewer extends EventTarget {
  /** @type {RTCPeerConnection} */
  #peer;
  #resource = "";
  #token;
  #url;
  #leaving = new AbortController();
  /** @type {RTCIceCandidate[]} */
  #late = [];

  /**
   * Events: `lost` (detail: AvatarError).
   * @param {{url: string, token: string, iceServers?: RTCIceServer[]}} options
   */
  constructor({ url, token, iceServers = [] }) {
    super();
    if (typeof RTCPeerConnection === "undefined") throw new AvatarError("no-webrtc");
    this.#url = url;
    this.#token = token;
    this.stream = new MediaStream();
    this.#peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    for (const kind of ["audio", "video"]) {
      const { receiver } = this.#peer.addTransceiver(kind, { direction: "recvonly" });
      keepShort(receiver);
      this.stream.addTrack(receiver.track);
    }
  }

  /** @returns {RTCPeerConnection} for statistics */
  get peer() {
    return this.#peer;
  }

  /** Whether media can flow. */
  get open() {
    return this.#peer.connectionState === "connected";
  }

  /** Resolves when the path for media is there. */
  async connect() {
    const peer = this.#peer;
    peer.addEventListener("icecandidate", ({ candidate }) => this.#trickle(candidate));
    await peer.setLocalDescription(await peer.createOffer());
    // The offer goes at once: the server sees where we knock from, and candidates follow by PATCH.
    const offer = withoutHidden(peer.localDescription?.sdp ?? "");
    const answer = await ask(this.#url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", Accept: "application/sdp", Authorization: `Bearer ${this.#token}` },
      body: offer,
      signal: this.#leaving.signal,
    });
    if (!answer.ok) throw answer.status === 404 ? new AvatarError("expired") : await refusal(answer);
    const place = answer.headers.get("Location");
    if (place) this.#resource = new URL(place, answer.url || this.#url).href;
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    this.#flushLate(offer);
    await this.#connected();
    peer.addEventListener("connectionstatechange", () => this.#watch());
  }

  /**
   * Leaves.
   * @param {boolean} [tell] the server, so that it forgets this viewer at once; not where the whole session ends
   */
  close(tell = true) {
    if (this.#leaving.signal.aborted) return;
    this.#leaving.abort();
    this.#peer.close();
    for (const track of this.stream.getTracks()) track.stop();
    if (tell && this.#resource) {
      const headers = { Authorization: `Bearer ${this.#token}` };
      fetch(this.#resource, { method: "DELETE", headers, keepalive: true }).catch(() => {});
    }
  }

  /** @returns {Promise<void>} */
  #connected() {
    const peer = this.#peer;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new AvatarError("ice-failed", { detail: "no path within twelve seconds" })),
        CONNECT_WITHIN_MS);
      const look = () => {
        if (peer.connectionState === "connected") resolve();
        else if (peer.connectionState === "failed") reject(new AvatarError("ice-failed"));
        else if (peer.connectionState === "closed") reject(new AvatarError("disconnected"));
        else return;
        clearTimeout(timer);
      };
      peer.addEventListener("connectionstatechange", look);
      this.#leaving.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(new AvatarError("disconnected"));
      });
      look();
    });
  }

  #watch() {
    const state = this.#peer.connectionState;
    if (state === "failed") this.#lost();
    if (state === "disconnected") {
      setTimeout(() => {
        if (this.#peer.connectionState === "disconnected") this.#lost();
      }, HEAL_MS);
    }
  }

  #lost() {
    if (this.#leaving.signal.aborted) return;
    this.dispatchEvent(new CustomEvent("lost", { detail: new AvatarError("connection-lost") }));
  }

  /** @param {RTCIceCandidate | null} candidate */
  #trickle(candidate) {
    if (!candidate?.candidate || HIDDEN.test(candidate.candidate)) return;
    this.#late.push(candidate);
    if (this.#resource) this.#flushLate(this.#peer.localDescription?.sdp ?? "");
  }

  /** @param {string} offer */
  #flushLate(offer) {
    const late = this.#late.splice(0);
    if (!late.length || !this.#resource) return;
    const ufrag = /a=ice-ufrag:\S+/.exec(offer)?.[0];
    const pwd = /a=ice-pwd:\S+/.exec(offer)?.[0];
    const lines = [ufrag, pwd];
    for (const { candidate, sdpMid } of late) lines.push("m=audio 9 RTP/AVP 0", `a=mid:${sdpMid}`, `a=${candidate}`);
    const body = `${lines.join("\r\n")}\r\n`;
    const headers = {
      "Content-Type": "application/trickle-ice-sdpfrag",
      Authorization: `Bearer ${this.#token}`,
    };
    // A server that takes no late candidates still sees ours as they knock.
    fetch(this.#resource, { method: "PATCH", headers, body }).catch(() => {});
  }
}

/**
 * Asks the browser for the shortest buffer that it has a name for.
 * @param {RTCRtpReceiver} receiver
 */
function keepShort(receiver) {
  const tuned = /** @type {{jitterBufferTarget?: number, playoutDelayHint?: number}} */ (/** @type {unknown} */ (receiver));
  if ("jitterBufferTarget" in tuned) tuned.jitterBufferTarget = BUFFER_MS;
  else if ("playoutDelayHint" in tuned) tuned.playoutDelayHint = BUFFER_MS / 1000;
}

/**
 * Browsers hide the machine's own addresses behind names that only its own network can resolve; a server that tries
 * waits a second for nothing.
 */
const HIDDEN = / \S+\.local /;

/** @param {string} sdp */
function withoutHidden(sdp) {
  return sdp.split("\r\n").filter((line) => !(line.startsWith("a=candidate:") && HIDDEN.test(line))).join("\r\n");
}
