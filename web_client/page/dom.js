// @ts-check
/**
 * The element with this id; the page's own markup guarantees that it is there.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (found);
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {{class?: string, text?: string}} [more]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(name, more = {}) {
  const element = document.createElement(name);
  if (more.class) element.className = more.class;
  if (more.text) element.textContent = more.text;
  return element;
}
