// @ts-check
/** Sound in the shapes that programs have it in -> PCM16 mono at a rate that the engine takes. */

import { AvatarError } from "./problems.js";

/**
 * @typedef {Int16Array | Float32Array | ArrayBuffer | AudioBuffer} Sound
 *   Int16Array and ArrayBuffer: PCM16; Float32Array: -1..1; AudioBuffer: any rate, mixed to mono
 */

export const RATES = [16_000, 24_000, 48_000];

/**
 * @param {Float32Array} samples -1..1, beyond is clipped
 * @returns {Int16Array<ArrayBuffer>}
 */
export function toPcm16(samples) {
  const pcm = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i += 1) {
    const value = Math.max(-1, Math.min(1, samples[i]));
    pcm[i] = Math.round(value * 32767);
  }
  return pcm;
}

/**
 * @param {Sound} sound
 * @param {number} [sampleRate] of arrays; an AudioBuffer knows its own
 * @returns {Promise<{pcm: Int16Array<ArrayBuffer>, sampleRate: number}>}
 */
export async function asPcm16(sound, sampleRate = 24_000) {
  if (typeof AudioBuffer !== "undefined" && sound instanceof AudioBuffer) {
    const { samples, rate } = await renderMono(sound);
    return { pcm: toPcm16(samples), sampleRate: rate };
  }
  if (!(sampleRate >= 3_000 && sampleRate <= 768_000)) {
    throw new AvatarError("unsupported-audio", { detail: `sampleRate ${sampleRate}` });
  }
  if (sound instanceof ArrayBuffer) {
    if (sound.byteLength % 2) throw new AvatarError("unsupported-audio", { detail: "an odd number of PCM16 bytes" });
    return asPcm16(new Int16Array(sound), sampleRate);
  }
  if (sound instanceof Int16Array) {
    if (RATES.includes(sampleRate)) return { pcm: Int16Array.from(sound), sampleRate };
    return asPcm16(Float32Array.from(sound, (value) => value / 32768), sampleRate);
  }
  if (!(sound instanceof Float32Array)) throw new AvatarError("unsupported-audio");
  if (RATES.includes(sampleRate)) return { pcm: toPcm16(sound), sampleRate };
  const buffer = new AudioBuffer({ length: Math.max(1, sound.length), numberOfChannels: 1, sampleRate });
  buffer.copyToChannel(Float32Array.from(sound), 0);
  const { samples, rate } = await renderMono(buffer);
  return { pcm: toPcm16(samples), sampleRate: rate };
}

/**
 * Mixed and resampled by the browser's own filters.
 * @param {AudioBuffer} buffer
 * @returns {Promise<{samples: Float32Array, rate: number}>}
 */
async function renderMono(buffer) {
  const rate = RATES.includes(buffer.sampleRate) ? buffer.sampleRate : 48_000;
  if (rate === buffer.sampleRate && buffer.numberOfChannels === 1) return { samples: buffer.getChannelData(0), rate };
  const length = Math.max(1, Math.ceil(buffer.duration * rate));
  const context = new OfflineAudioContext(1, length, rate);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.start();
  return { samples: (await context.startRendering()).getChannelData(0), rate };
}
