// @ts-check
/** Live numbers, once a second, with the last minute of three of them as a line. */

import { byId } from "./dom.js";

/** @typedef {import("../talking-avatar.js").TalkingAvatar} TalkingAvatar */

const KEPT = 60;
/** What fills a line from bottom to top; beyond is cut. */
const RANGES = /** @type {Record<string, [number, number]>} */ ({ fps: [0, 30], latency: [0, 250], offset: [-60, 60] });

/** @param {TalkingAvatar} avatar */
export function figures(avatar) {
  /** @type {Record<string, number[]>} */
  const history = { fps: [], latency: [], offset: [] };
  const tick = async () => {
    const now = avatar.connected && !document.hidden ? await avatar.numbers() : null;
    if (!now) {
      if (!avatar.connected) blank();
      return;
    }
    put("fps", number(now.fps, 1));
    put("latency", number(now.latency_ms, 0));
    put("offset", now.av_offset_ms === null ? "–" : signed(now.av_offset_ms));
    put("size", now.width ? `${now.width}` : "–");
    put("kbps", number(now.kbps, 0));
    put("freezes", String(now.freezes));
    draw(history, "fps", now.fps);
    draw(history, "latency", now.latency_ms);
    draw(history, "offset", now.av_offset_ms);
  };
  setInterval(tick, 1000);
}

/** @param {number | null} value @param {number} digits */
const number = (value, digits) => (value === null ? "–" : value.toFixed(digits));

/** @param {number} value */
const signed = (value) => `${value > 0.5 ? "+" : ""}${value.toFixed(0).replace("-0", "0").replace("-", "−")}`;

function blank() {
  for (const each of byId("figures").querySelectorAll("[data-figure]")) each.textContent = "–";
}

/** @param {string} name @param {string} text */
function put(name, text) {
  const place = byId("figures").querySelector(`[data-figure="${name}"]`);
  if (place && place.textContent !== text) place.textContent = text;
}

/**
 * @param {Record<string, number[]>} history
 * @param {string} name
 * @param {number | null} value
 */
function draw(history, name, value) {
  if (value === null) return;
  const line = history[name];
  line.push(value);
  if (line.length > KEPT) line.shift();
  if (line.length < 2) return;
  const [low, high] = RANGES[name];
  const points = line.map((each, at) => {
    const x = 60 - (line.length - 1 - at);
    const y = 15 - (14 * (Math.max(low, Math.min(high, each)) - low)) / (high - low);
    return `${x},${y.toFixed(1)}`;
  });
  byId("figures").querySelector(`[data-spark="${name}"] polyline`)?.setAttribute("points", points.join(" "));
}
