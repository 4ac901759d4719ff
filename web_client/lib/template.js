// @ts-check
/** What <talking-avatar> is made of: markup, and a style sheet that needs no inline style. */

const ICONS = {
  sound: '<path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4z"/><path class="line waves" d="M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11"/>'
    + '<path class="line cross" d="M16 9.5l5 5M21 9.5l-5 5"/>',
  captions: '<rect class="line" x="3" y="5.5" width="18" height="13" rx="2.5"/><path class="line" d="M7 11h4M13.5 11H17M7 14.5h6.5M16 14.5h1"/>',
  stop: '<rect x="7" y="7" width="10" height="10" rx="2"/>',
  fullscreen: '<path class="line" d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"/>',
  play: '<path d="M8 5.5v13l11-6.5-11-6.5z"/>',
};

/** @param {keyof typeof ICONS} name */
const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">${ICONS[name]}</svg>`;

const HTML = `
<div class="frame" part="frame" role="group">
  <video part="video" playsinline disablepictureinpicture disableremoteplayback></video>
  <img class="poster" part="poster" alt="" decoding="async">
  <p class="pill" part="pill" aria-hidden="true" hidden><span class="spinner"></span><span class="pill-text"></span></p>
  <div class="captions" part="captions" aria-hidden="true"><span class="line-of-text"></span></div>
  <div class="notice" part="notice" hidden>
    <div class="card">
      <h2 class="title"></h2>
      <p class="text"></p>
      <p class="detail"></p>
      <button type="button" class="retry"><span class="retry-label">Try again now</span><span class="countdown" aria-hidden="true"></span></button>
    </div>
  </div>
  <button type="button" class="unlock" part="unlock" hidden>${icon("sound")}${icon("play")}<span class="unlock-text"></span></button>
  <div class="bar" part="controls" role="group" aria-label="Avatar controls">
    <button type="button" class="stop" aria-label="Stop speaking" title="Stop speaking (Esc)" hidden>${icon("stop")}</button>
    <span class="gap"></span>
    <button type="button" class="sound" aria-label="Sound" title="Sound (M)">${icon("sound")}</button>
    <button type="button" class="cc" aria-label="Captions" title="Captions (C)">${icon("captions")}</button>
    <button type="button" class="full" aria-label="Full screen" title="Full screen (F)">${icon("fullscreen")}</button>
  </div>
  <p class="unseen status" role="status"></p>
  <p class="unseen spoken" role="log" aria-live="polite" aria-label="What the avatar says"></p>
</div>`;

const CSS = `
:host { display: block; position: relative; aspect-ratio: 1; container-type: inline-size; overflow: hidden;
  background: var(--talking-avatar-background, #62625a); color: #fff; font-family: inherit; line-height: 1.4; }
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.frame, video, .poster { position: absolute; inset: 0; width: 100%; height: 100%; }
video, .poster { object-fit: var(--talking-avatar-fit, cover); }
.frame:fullscreen { background: #24241f; }
.frame:fullscreen video, .frame:fullscreen .poster { object-fit: contain; }
.poster { transition: opacity .35s ease; }
.live .poster { opacity: 0; }
.troubled .poster, .troubled video { filter: saturate(.6) brightness(.86); }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

button { font: inherit; color: inherit; border: 0; background: none; cursor: pointer; touch-action: manipulation; }
button:focus-visible { outline: 3px solid #fff; outline-offset: 2px; box-shadow: 0 0 0 6px #1b2f63; }
svg { width: 1.5em; height: 1.5em; fill: currentColor; flex: none; }
svg .line { fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linecap: round; stroke-linejoin: round; }
.cross, [aria-pressed="false"] .waves { display: none; }
[aria-pressed="false"] .cross { display: inline; }

.pill { position: absolute; left: 50%; top: 4%; transform: translateX(-50%); margin: 0; display: flex; gap: .6em; align-items: center;
  padding: .5em 1em .5em .8em; border-radius: 99px; background: rgb(24 24 20 / .72); font-size: clamp(12px, 3.2cqi, 14px); white-space: nowrap; }
.spinner { width: .95em; height: .95em; border-radius: 50%; border: 2px solid rgb(255 255 255 / .35); border-top-color: #fff; animation: turn .8s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }

.captions { position: absolute; left: 6%; right: 6%; bottom: 5%; display: flex; justify-content: center; pointer-events: none;
  opacity: 0; transition: opacity .2s ease, bottom .2s ease; }
.captions.on { opacity: 1; }
.with-bar .captions { bottom: calc(3% + 60px); }
.line-of-text { padding: .35em .75em; border-radius: .55em; background: rgb(16 16 13 / .78); font-size: clamp(14px, 3.6cqi, 21px);
  line-height: 1.35; text-align: center; text-wrap: balance; }

.notice { position: absolute; inset: 0; display: grid; place-items: end center; padding: 5%; overflow: auto;
  background: linear-gradient(rgb(24 24 20 / .05), rgb(24 24 20 / .6)); }
.troubled .bar { display: none; }
.card { max-width: 25em; padding: 1.5em 1.6em; border-radius: 1.25em; background: rgb(22 22 19 / .88); text-align: center;
  font-size: clamp(13px, 3.4cqi, 15.5px); box-shadow: 0 12px 40px rgb(0 0 0 / .3); animation: rise .25s ease-out; }
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }
.title { margin: 0 0 .35em; font-size: 1.22em; line-height: 1.25; font-weight: 650; text-wrap: balance; }
.text { margin: 0; color: rgb(255 255 255 / .84); text-wrap: pretty; }
.detail { margin: .7em 0 0; font-size: .85em; color: rgb(255 255 255 / .66); overflow-wrap: anywhere; }
.detail:empty { display: none; }
.retry { min-height: 44px; margin-top: 1.15em; padding: 0 1.3em; border-radius: 99px; background: #fff; color: #1b1b18; font-weight: 600; }
.retry:hover { background: #e9e8e2; }
.countdown { font-variant-numeric: tabular-nums; font-weight: 400; color: #5c5b53; }

.unlock { position: absolute; left: 50%; bottom: 8%; transform: translateX(-50%); display: flex; align-items: center; gap: .55em;
  min-height: 56px; padding: 0 1.6em 0 1.25em; border-radius: 99px; background: #fff; color: #1b1b18; font-weight: 650; white-space: nowrap;
  font-size: clamp(15px, 4cqi, 18px); box-shadow: 0 8px 30px rgb(0 0 0 / .35); transition: scale .15s ease; }
.unlock:hover { scale: 1.03; }
.unlock svg:nth-of-type(2), .unlock.start svg:nth-of-type(1) { display: none; }
.unlock.start svg:nth-of-type(2) { display: inline; }
@container (max-width: 420px) { .unlock { min-height: 48px; font-size: 15px; } }
.with-bar .unlock { bottom: calc(3% + 60px); }

.bar { position: absolute; left: 0; right: 0; bottom: 0; display: none; align-items: center; gap: 6px; padding: 40px 10px 10px;
  background: linear-gradient(transparent, rgb(16 16 13 / .5)); pointer-events: none; opacity: 0; transition: opacity .2s ease; }
.with-bar .bar { display: flex; }
.frame:hover .bar, .frame:focus-within .bar, .speaking .bar, .bar.shown { opacity: 1; }
@media (hover: none) { .bar { opacity: 1; } }
.gap { flex: 1; }
.bar button { display: grid; place-items: center; width: 44px; height: 44px; border-radius: 50%; background: rgb(24 24 20 / .55); pointer-events: auto;
  transition: background .15s ease; }
.bar button:hover { background: rgb(24 24 20 / .85); }
.bar .cc[aria-pressed="true"] { background: #fff; color: #1b1b18; }
.bar .stop { background: #fff; color: #a5260c; }
.bar .stop:hover { background: #ffe9e3; }

@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation-duration: .001s !important; transition-duration: .001s !important; }
  .spinner { animation: none; border-color: #fff; }
}
@media (forced-colors: active) {
  .pill, .line-of-text, .card, .retry, .unlock, .bar button { border: 1px solid ButtonText; forced-color-adjust: auto; }
  button:focus-visible { outline: 3px solid Highlight; }
  .bar { opacity: 1; background: none; }
  .bar [aria-pressed="true"] { outline: 2px solid Highlight; }
}
`;

/** @type {HTMLTemplateElement | null} */
let template = null;
/** @type {CSSStyleSheet | null} */
let sheet = null;

/**
 * @param {HTMLElement} host
 * @returns {ShadowRoot}
 */
export function build(host) {
  if (!template) {
    template = document.createElement("template");
    template.innerHTML = HTML;
  }
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  const root = host.attachShadow({ mode: "open", delegatesFocus: false });
  root.adoptedStyleSheets = [sheet];
  root.append(template.content.cloneNode(true));
  return root;
}
