// @ts-check
/** Sends speech over the control channel in small pieces, a little ahead of its playing. */

import { AvatarError } from "./problems.js";
import { asPcm16 } from "./pcm.js";

/**
 * @typedef {import("./control.js").ControlChannel} ControlChannel
 * @typedef {import("./control.js").PlaybackReport} PlaybackReport
 * @typedef {import("./pcm.js").Sound} Sound
 */

const PIECE_S = 0.1;
/** Far enough that a slow moment starves nobody, near enough that an interrupt has little to throw away. */
const AHEAD_S = 2;

/**
 * @param {ControlChannel} control
 * @param {Sound | AsyncIterable<Sound>} sound
 * @param {{sampleRate?: number, text?: string}} options
 * @returns {Promise<{id: string, finished: Promise<PlaybackReport>}>} when all is sent or the speech has ended
 */
export async function sendSpeech(control, sound, { sampleRate, text }) {
  const pieces = isStream(sound) ? sound : [sound];
  /** @type {{id: string, finished: Promise<PlaybackReport>} | null} */
  let speech = null;
  let rate = 0;
  let began = 0;
  let sent = 0;
  for await (const piece of pieces) {
    const { pcm, sampleRate: pieceRate } = await asPcm16(piece, sampleRate);
    if (!speech) {
      speech = control.speech("speech.start", { sample_rate: pieceRate, ...(text && { text }) });
      rate = pieceRate;
      began = performance.now();
    }
    if (pieceRate !== rate) throw new AvatarError("unsupported-audio", { detail: "the sample rate changed" });
    const step = Math.round(rate * PIECE_S);
    for (let from = 0; from < pcm.length; from += step) {
      const early = sent / rate - AHEAD_S - (performance.now() - began) / 1000;
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early * 1000 + 50));
      if (!control.goesOn(speech.id)) return speech; // interrupted, refused or disconnected
      control.sendBinary(pcm.subarray(from, from + step));
      sent += Math.min(step, pcm.length - from);
    }
  }
  if (!speech) throw new AvatarError("unsupported-audio", { detail: "no sound at all" });
  if (control.goesOn(speech.id)) control.send("speech.end");
  return speech;
}

/**
 * @param {Sound | AsyncIterable<Sound>} sound
 * @returns {sound is AsyncIterable<Sound>}
 */
function isStream(sound) {
  return typeof sound === "object" && sound !== null && Symbol.asyncIterator in sound;
}
