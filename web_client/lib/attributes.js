// @ts-check
/** Attributes of <talking-avatar> as properties, as with any other element. */

export class AttributesElement extends HTMLElement {
  /** The engine's origin, or an address that answers a POST with a session. "": where the page comes from. */
  get src() {
    return this.getAttribute("src") ?? "";
  }

  set src(value) {
    this.setAttribute("src", value);
  }

  /** Name of the avatar; "": the server's own choice. */
  get avatar() {
    return this.getAttribute("avatar") ?? "";
  }

  set avatar(value) {
    this.setAttribute("avatar", value);
  }

  /** Edge length in pixels; 0: what the server thinks best. */
  get size() {
    return Number.parseInt(this.getAttribute("size") ?? "0", 10) || 0;
  }

  set size(value) {
    this.setAttribute("size", String(value));
  }

  get muted() {
    return this.hasAttribute("muted");
  }

  set muted(value) {
    this.toggleAttribute("muted", Boolean(value));
  }

  get captions() {
    return this.hasAttribute("captions");
  }

  set captions(value) {
    this.toggleAttribute("captions", Boolean(value));
  }
}
