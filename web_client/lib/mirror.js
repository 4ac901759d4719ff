// @ts-check
/** Microphone mode: what the microphone hears goes to the engine, which says it at once. */

import { Microphone } from "./microphone.js";
import { AvatarError, asAvatarError } from "./problems.js";

/** @typedef {import("./control.js").ControlChannel} ControlChannel */

/** Sound that is late is of no use: more than this much waiting in the browser is dropped. */
const WAITING_BYTES = 20_000;

export class Mirror extends EventTarget {
  /** @type {Microphone | null} */
  #microphone = null;

  /** @returns {boolean} */
  get on() {
    return this.#microphone !== null;
  }

  /**
   * Events: `change` (detail: {on, sample_rate}).
   * @param {ControlChannel} control
   */
  async start(control) {
    if (this.#microphone) return;
    const microphone = new Microphone();
    this.#microphone = microphone;
    let begun = false;
    try {
      await microphone.open((pcm) => {
        if (begun && control.open && control.waiting < WAITING_BYTES) control.sendBinary(pcm);
      });
      if (this.#microphone !== microphone) throw new AvatarError("disconnected"); // stopped while it was being asked for
      control.send("mirror.start", { sample_rate: microphone.sampleRate });
      begun = true;
    } catch (thrown) {
      microphone.close();
      if (this.#microphone === microphone) this.#microphone = null;
      throw asAvatarError(thrown);
    }
    microphone.onended = () => this.stop(control);
    this.dispatchEvent(new CustomEvent("change", { detail: { on: true, sample_rate: microphone.sampleRate } }));
  }

  /** @param {ControlChannel | null} control null when it is gone already */
  stop(control) {
    if (!this.#microphone) return;
    this.#microphone.close();
    this.#microphone = null;
    if (control?.open) control.send("mirror.stop");
    this.dispatchEvent(new CustomEvent("change", { detail: { on: false } }));
  }
}
