// @ts-check
/** What the browser really shows, from getStats and from the painted frames. */

/**
 * @typedef {object} LiveNumbers null where the browser does not say
 * @property {number | null} fps frames painted a second (decoded ones while the page is hidden)
 * @property {number | null} latency_ms jitter buffer of the picture + round trip of the network
 * @property {number | null} buffer_ms
 * @property {number | null} round_trip_ms
 * @property {number | null} av_offset_ms picture against sound as played; > 0: the picture is ahead
 * @property {number | null} width
 * @property {number | null} height
 * @property {number | null} kbps picture and sound
 * @property {number} freezes since the first second
 * @property {number} frames_decoded
 * @property {number} packets_lost
 */

/** Rates are taken over at least so long. */
const SPAN_MS = 900;
const KEPT_MS = 10_000;

/**
 * @typedef {object} Reading
 * @property {number} at
 * @property {number} bytes
 * @property {number} decoded
 * @property {number} painted
 * @property {number} delay
 * @property {number} emitted
 */

export class NumbersProbe {
  /** @type {Reading[]} of the last seconds, oldest first: whoever asks often must not shorten others' spans */
  #readings = [];
  #painted = 0;
  /** @type {number | null} */
  #firstFrameAt = null;
  #freezesAtStart = 0;
  /** @type {RTCPeerConnection | null} */
  #peer = null;

  /** To be called for each painted frame. */
  frame() {
    this.#painted += 1;
    this.#firstFrameAt ??= performance.now();
  }

  /**
   * @param {RTCPeerConnection} peer
   * @returns {Promise<LiveNumbers>}
   */
  async read(peer) {
    if (peer !== this.#peer) {
      this.#peer = peer;
      this.#readings = [];
      this.#firstFrameAt = null;
    }
    /** @type {Record<string, any>} */
    const of = {};
    for (const entry of (await peer.getStats()).values()) {
      if (entry.type === "inbound-rtp") of[entry.kind] = entry;
      if (entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded") of.pair = entry;
    }
    const { video = {}, audio = {}, pair = {} } = of;
    const now = {
      at: performance.now(),
      bytes: (video.bytesReceived ?? 0) + (audio.bytesReceived ?? 0),
      decoded: video.framesDecoded ?? 0,
      painted: this.#painted,
      delay: video.jitterBufferDelay ?? 0,
      emitted: video.jitterBufferEmittedCount ?? 0,
    };
    const changes = difference(this.#earlier(now.at), now);
    this.#readings.push(now);
    if (this.#firstFrameAt === null || now.at - this.#firstFrameAt < 1000) this.#freezesAtStart = video.freezeCount ?? 0;
    const trip = pair.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000;
    return {
      ...changes,
      latency_ms: changes.buffer_ms === null ? null : changes.buffer_ms + (trip ?? 0),
      round_trip_ms: trip,
      av_offset_ms: offset(video.estimatedPlayoutTimestamp, audio.estimatedPlayoutTimestamp),
      width: video.frameWidth ?? null,
      height: video.frameHeight ?? null,
      freezes: Math.max(0, (video.freezeCount ?? 0) - this.#freezesAtStart),
      frames_decoded: now.decoded,
      packets_lost: (video.packetsLost ?? 0) + (audio.packetsLost ?? 0),
    };
  }

  /**
   * The newest reading that is old enough to count from.
   * @param {number} now
   * @returns {Reading | undefined}
   */
  #earlier(now) {
    this.#readings = this.#readings.filter(({ at }) => now - at < KEPT_MS);
    return this.#readings.findLast(({ at }) => now - at >= SPAN_MS);
  }
}

/**
 * @param {Reading | undefined} before
 * @param {Reading} now
 * @returns {{fps: number | null, kbps: number | null, buffer_ms: number | null}}
 */
function difference(before, now) {
  if (!before || now.at <= before.at) return { fps: null, kbps: null, buffer_ms: null };
  const seconds = (now.at - before.at) / 1000;
  const frames = document.hidden ? now.decoded - before.decoded : now.painted - before.painted;
  const emitted = now.emitted - before.emitted;
  return {
    fps: frames / seconds,
    kbps: ((now.bytes - before.bytes) * 8) / 1000 / seconds,
    buffer_ms: emitted > 0 ? ((now.delay - before.delay) / emitted) * 1000 : null,
  };
}

/**
 * @param {number | undefined} video
 * @param {number | undefined} audio
 * @returns {number | null}
 */
function offset(video, audio) {
  if (!video || !audio) return null;
  const apart = video - audio;
  return Math.abs(apart) > 10_000 ? null : apart; // one of them has had no sender report yet
}
