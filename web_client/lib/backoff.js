// @ts-check
/** Waiting times between tries: doubling, with jitter so that many pages do not come back at the same moment. */

export class Backoff {
  #tries = 0;

  /**
   * @param {{first?: number, most?: number, random?: () => number}} [options] seconds; random in 0..1
   */
  constructor({ first = 0.5, most = 20, random = Math.random } = {}) {
    this.first = first;
    this.most = most;
    this.random = random;
  }

  /** @returns {number} seconds to wait before the next try: between half and the whole of the doubling time */
  next() {
    const whole = Math.min(this.most, this.first * 2 ** this.#tries);
    this.#tries += 1;
    return whole * (0.5 + 0.5 * this.random());
  }

  reset() {
    this.#tries = 0;
  }
}

/**
 * @param {number} seconds
 * @param {AbortSignal} signal ends the wait early, without an error
 * @returns {Promise<void>}
 */
export function pause(seconds, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    signal.addEventListener("abort", done);
  });
}
