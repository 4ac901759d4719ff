// @ts-check
// Draws /openapi.json as a page. Texts only ever become text nodes.

/** What to send as bearer. @type {Record<string, string>} */
const KEYS = { none: "none where the server has no API key", apiKey: "Bearer API key", sessionToken: "Bearer session token" };

/** @param {string} tag @param {string | null} [text] @param {string} [kind] @param {...Node} inner */
function element(tag, text = null, kind = "", ...inner) {
  const made = document.createElement(tag);
  if (text !== null) made.textContent = text;
  if (kind) made.className = kind;
  made.append(...inner);
  return made;
}

/** @param {Array<[string, string]>} rows */
function table(rows) {
  const body = element("tbody");
  for (const [name, text] of rows) {
    body.append(element("tr", null, "", element("td", null, "", element("code", name)), element("td", text)));
  }
  return element("table", null, "", body);
}

/** @param {any} schema @param {any} api @returns {any} */
function example(schema, api) {
  if (!schema) return null;
  if (schema.$ref) return example(api.components.schemas[schema.$ref.split("/").pop()], api);
  if (schema.examples) return schema.examples.at(-1);
  if (schema.oneOf) return example(schema.oneOf[0], api);
  if (schema.enum) return schema.enum[0];
  if (schema.type === "array") return [example(schema.items, api)];
  if (schema.type === "object") {
    return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([key, inner]) => [key, example(inner, api)]));
  }
  return { integer: schema.minimum ?? 0, number: schema.minimum ?? 0, boolean: true }[schema.type] ?? schema.format ?? "…";
}

/** @param {any} content @param {any} api */
function bodies(content, api) {
  return Object.entries(content ?? {}).flatMap(([kind, { schema }]) => [
    element("div", kind, "soft"),
    ...(kind === "application/json" ? [element("pre", JSON.stringify(example(schema, api), null, 2))] : []),
  ]);
}

/** @param {string} path @param {string} method @param {any} call @param {any} api */
function operation(path, method, call, api) {
  const parts = element("div");
  if (call.description) parts.append(element("p", call.description));
  if (call.security) {
    const ways = call.security.map((/** @type {object} */ way) => KEYS[Object.keys(way)[0] ?? "none"]);
    parts.append(element("p", `Authorization: ${ways.join(", or ")}`, "soft"));
  }
  parts.append(...bodies(call.requestBody?.content, api));
  const answers = Object.entries(call.responses);
  parts.append(table(answers.map(([status, answer]) => [status, answer.description])));
  const good = answers.find(([status]) => status.startsWith("2"))?.[1];
  parts.append(...bodies(good?.content, api));
  const title = element("summary", null, "", element("span", method.toUpperCase(), "method"), element("code", path));
  title.append(element("span", ` ${call.summary}`, "soft"));
  return element("details", null, "", title, parts);
}

/** @param {any} socket @returns {Node[]} */
function channel(socket) {
  const messages = Object.entries(socket["from the client"]).map(([type, { does, fields }]) => {
    const rows = /** @type {Array<[string, string]>} */ (
      Object.entries(fields).map(([name, field]) => [name, field.value + (field.needed ? "" : " (optional)")])
    );
    const title = element("summary", null, "", element("code", type), element("span", ` ${does}`, "soft"));
    return element("details", null, "", title, element("div", null, "", table(rows)));
  });
  const pairs = (/** @type {object} */ facts) => table(/** @type {Array<[string, string]>} */ (Object.entries(facts)));
  return [
    element("h2", "WebSocket: from the client"), ...messages,
    element("p", `Binary messages: ${socket.binary}. id: ${socket.id}.`),
    element("h2", "WebSocket: from the engine"), pairs(socket["from the engine"]),
    element("h2", "Error codes"), element("p", socket.codes.join(", ")),
    element("h2", "Closing codes"), pairs(socket.closing),
  ];
}

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
try {
  const api = await (await fetch("/openapi.json")).json();
  main.append(element("p", api.info.description.replaceAll("`", "")), element("p", `version ${api.info.version}`, "soft"));
  main.append(element("h2", "HTTP"));
  for (const [path, calls] of Object.entries(api.paths)) {
    for (const [method, call] of Object.entries(calls)) main.append(operation(path, method, call, api));
  }
  main.append(...channel(api["x-websocket"]));
} catch (error) {
  main.append(element("p", `openapi.json cannot be read: ${error}`));
}
