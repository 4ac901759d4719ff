// @ts-check
/** Runs on the audio thread: microphone samples -> PCM16 in pieces of 20 ms, at the rate that was asked for. */

class Capture extends AudioWorkletProcessor {
  /** @param {{processorOptions: {rate: number}}} options */
  constructor({ processorOptions }) {
    super();
    /** Input samples for each output sample. */
    this.step = sampleRate / processorOptions.rate;
    this.piece = new Int16Array(processorOptions.rate / 50);
    this.filled = 0;
    this.position = 0;
    this.last = 0;
  }

  /**
   * @param {Float32Array[][]} inputs
   * @returns {boolean}
   */
  process(inputs) {
    const samples = inputs[0]?.[0];
    if (!samples) return true;
    // Only ever upsamples (44.1 -> 48 kHz) or copies, so straight lines between samples are good enough.
    while (this.position < samples.length) {
      const right = Math.floor(this.position);
      const part = this.position - right;
      const before = right ? samples[right - 1] : this.last;
      this.#put(before + (samples[right] - before) * part);
      this.position += this.step;
    }
    this.position -= samples.length;
    this.last = samples[samples.length - 1];
    return true;
  }

  /** @param {number} value */
  #put(value) {
    this.piece[this.filled] = Math.round(Math.max(-1, Math.min(1, value)) * 32767);
    this.filled += 1;
    if (this.filled < this.piece.length) return;
    this.port.postMessage(this.piece.slice().buffer);
    this.filled = 0;
  }
}

registerProcessor("avatar-capture", /** @type {any} */ (Capture));
