// @ts-check
/** The microphone as PCM16 pieces of 20 ms. */

import { RATES } from "./pcm.js";
import { AvatarError } from "./problems.js";

const WANTED_RATE = 24_000;

export class Microphone {
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {AudioContext | null} */
  #context = null;
  sampleRate = WANTED_RATE;
  /** Called when the device goes away. */
  onended = () => {};

  /**
   * @param {(pcm: ArrayBuffer) => void} give called for each piece, 50 times a second
   */
  async open(give) {
    if (!navigator.mediaDevices?.getUserMedia || typeof AudioWorkletNode === "undefined") {
      throw new AvatarError(isSecureContext ? "microphone-missing" : "microphone-insecure");
    }
    const stream = await ask();
    this.#stream = stream;
    stream.getAudioTracks()[0].addEventListener("ended", () => this.onended());
    const { context, source } = connect(stream);
    this.#context = context;
    this.sampleRate = RATES.includes(context.sampleRate) ? context.sampleRate : 48_000;
    await context.audioWorklet.addModule(new URL("./capture-worklet.js", import.meta.url).href);
    const node = new AudioWorkletNode(context, "avatar-capture", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { rate: this.sampleRate },
    });
    node.port.onmessage = ({ data }) => give(data);
    source.connect(node);
    await context.resume();
  }

  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#context?.close();
    this.#stream = null;
    this.#context = null;
  }
}

/** @returns {Promise<MediaStream>} */
async function ask() {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (cause) {
    const name = cause instanceof Error ? cause.name : "";
    const missing = name === "NotFoundError" || name === "OverconstrainedError" || name === "NotReadableError";
    throw new AvatarError(missing ? "microphone-missing" : "microphone-denied", { cause });
  }
}

/**
 * The browser resamples well where it may; where it refuses, its own rate is taken.
 * @param {MediaStream} stream
 */
function connect(stream) {
  /** @type {AudioContext | null} */
  let context = null;
  try {
    context = new AudioContext({ sampleRate: WANTED_RATE, latencyHint: "interactive" });
    return { context, source: context.createMediaStreamSource(stream) };
  } catch {
    context?.close();
    context = new AudioContext({ latencyHint: "interactive" });
    return { context, source: context.createMediaStreamSource(stream) };
  }
}
