// Elements of a page. All text goes into it as text: nothing here takes markup.
/** @import { Child, Props } from "../types.js" */

/**
 * A new element; props that are null or false are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} props
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice("on".length), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  const flat = /** @type {any[]} */ (children).flat(Infinity);
  made.append(...flat.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * An element that the page has from its template.
 * @param {string} id
 */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} text */
export function problem(text) {
  byId("problem").replaceChildren(el("p", { class: "notice" }, text));
}
