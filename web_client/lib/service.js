// @ts-check
/** Sessions by HTTP: where to ask for one, how to read the answer, how to give it back. */

import { AvatarError } from "./problems.js";

/**
 * @typedef {object} SessionTicket
 * @property {string} session_id
 * @property {string} token opens this session only
 * @property {string} whep_url
 * @property {string} ws_url
 * @property {string} [expires_at]
 * @property {RTCIceServer[]} [ice_servers]
 */

const ANSWER_WITHIN_MS = 10_000;

/**
 * The address that creates sessions: `src` itself when it has a path, else /v1/sessions of that origin.
 * @param {string} src
 * @param {string} base address of the page
 * @returns {URL}
 */
export function sessionsAddress(src, base) {
  let address;
  try {
    address = new URL(src || "/", base);
  } catch {
    throw new AvatarError("not-found", { detail: `src is not an address: ${src}` });
  }
  if (address.protocol !== "http:" && address.protocol !== "https:") {
    throw new AvatarError("not-found", { detail: `src must be http or https: ${src}` });
  }
  if (address.pathname === "/") address.pathname = "/v1/sessions";
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(address.hostname);
  if (new URL(base).protocol === "https:" && address.protocol === "http:" && !local) {
    throw new AvatarError("mixed-content", { detail: address.origin });
  }
  return address;
}

/**
 * @param {URL} address
 * @param {{apiKey: string, avatar: string, size: number, signal: AbortSignal}} wishes
 * @returns {Promise<SessionTicket>}
 */
export async function createSession(address, { apiKey, avatar, size, signal }) {
  /** @type {Record<string, string>} */
  const headers = { "Content-Type": "application/json" };
  if (apiKey) headers.Authorization = `Bearer ${apiKey}`;
  const answer = await ask(address, {
    method: "POST",
    headers,
    body: JSON.stringify({ ...(avatar && { avatar }), ...(size && { size }) }),
    signal,
  });
  if (!answer.ok) throw await refusal(answer);
  return completeTicket(await answer.json().catch(() => null), address);
}

/**
 * Absolute addresses; secure ones where the session was made over https (a proxy may have ended TLS).
 * @param {Partial<SessionTicket> | null} ticket
 * @param {URL} address
 * @returns {SessionTicket}
 */
export function completeTicket(ticket, address) {
  if (!ticket?.session_id || !ticket.token || !ticket.whep_url || !ticket.ws_url) throw new AvatarError("bad-answer");
  const whep = new URL(ticket.whep_url, address);
  const socket = new URL(ticket.ws_url, address);
  if (socket.protocol === "http:") socket.protocol = "ws:";
  if (socket.protocol === "https:") socket.protocol = "wss:";
  if (address.protocol === "https:") {
    if (whep.hostname === address.hostname) whep.protocol = "https:";
    if (socket.hostname === address.hostname) socket.protocol = "wss:";
  }
  return { ...ticket, session_id: ticket.session_id, token: ticket.token, whep_url: whep.href, ws_url: socket.href };
}

/**
 * Gives the place back at once instead of letting it run out. Silent: there may be nothing left to end.
 * @param {SessionTicket} ticket
 */
export function endSession(ticket) {
  const address = ticket.whep_url.replace(/\/whep\/?$/, "");
  if (address === ticket.whep_url) return;
  const headers = { Authorization: `Bearer ${ticket.token}` };
  fetch(address, { method: "DELETE", headers, keepalive: true }).catch(() => {});
}

/**
 * fetch whose failures are in words.
 * @param {URL | string} address
 * @param {RequestInit & {signal: AbortSignal}} request
 * @returns {Promise<Response>}
 */
export async function ask(address, request) {
  const late = AbortSignal.timeout(ANSWER_WITHIN_MS);
  const either = new AbortController();
  const abort = () => either.abort();
  late.addEventListener("abort", abort);
  request.signal.addEventListener("abort", abort);
  try {
    return await fetch(address, { ...request, signal: either.signal, cache: "no-store", credentials: "omit" });
  } catch (cause) {
    if (request.signal.aborted) throw new AvatarError("disconnected", { cause });
    if (navigator.onLine === false) throw new AvatarError("offline", { cause });
    const detail = late.aborted ? "no answer within ten seconds" : new URL(address).host;
    throw new AvatarError("unreachable", { detail, cause });
  } finally {
    request.signal.removeEventListener("abort", abort);
  }
}

/**
 * @param {Response} answer one that is not ok
 * @returns {Promise<AvatarError>}
 */
export async function refusal(answer) {
  const { code, detail } = await said(answer);
  const status = answer.status;
  if (status === 401 || status === 403) return new AvatarError("unauthorized", { detail });
  if (code === "worker_lost") return new AvatarError("worker-lost", { detail });
  if (status === 503 || status === 429) {
    const seconds = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
    const retryAfter = Number.isFinite(seconds) ? Math.max(1, seconds) : null;
    return new AvatarError(/\bstarting\b/.test(detail) ? "starting" : "full", { detail, retryAfter });
  }
  if (status === 410) return new AvatarError("expired", { detail });
  if (status === 404 || status === 405) return new AvatarError("not-found", { detail: `${answer.url} (${status})` });
  if (status >= 500) return new AvatarError("server-error", { detail: detail || `HTTP ${status}` });
  return new AvatarError("refused", { detail: detail || `HTTP ${status}` });
}

/**
 * What an error answer says, whatever its layout.
 * @param {Response} answer
 * @returns {Promise<{code: string, detail: string}>}
 */
async function said(answer) {
  const body = await answer.json().catch(() => null);
  const first = Array.isArray(body?.detail) ? body.detail[0]?.msg : null;
  const lines = [body?.error?.message, body?.message, body?.detail, body?.error, first];
  const detail = lines.find((line) => typeof line === "string") ?? "";
  return { code: String(body?.code ?? body?.error?.code ?? ""), detail };
}
