/** The parts of a page, found once and typed; a missing one is told at once. */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function find(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`this page has no ${kind.name} #${id}`);
  return element;
}
