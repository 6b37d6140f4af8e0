// What is asked of lists.
/** @import { Release } from "../types.js" */

/**
 * What of a list is there: neither null nor false nor empty.
 * @template T
 * @param {(T | null | undefined | false | "")[]} list
 */
export const present = (list) => /** @type {T[]} */ (list.filter(Boolean));

/**
 * Each value once, in the order in which they come.
 * @template T
 * @param {T[]} list
 */
export const distinct = (list) => [...new Set(list)];

/**
 * Whether a release is current: a superseded pre-release is not the one before any other.
 * @param {Release} release
 */
export const isCurrent = (release) => !release.superseded;

/**
 * The values by their keys, both in the order in which they come.
 * @template T
 * @template Key
 * @param {T[]} list
 * @param {(value: T) => Key} keyOf
 * @returns {Map<Key, T[]>}
 */
export function grouped(list, keyOf) {
  /** @type {Map<Key, T[]>} */
  const found = new Map();
  for (const value of list) {
    const key = keyOf(value);
    found.set(key, [...(found.get(key) ?? []), value]);
  }
  return found;
}

/**
 * What comes most often, of several the first; nothing of none.
 * @template T
 * @param {T[]} list
 * @returns {T | undefined}
 */
export function mostOf(list) {
  const count = (/** @type {T} */ value) => list.filter((one) => one === value).length;
  return list.reduce((best, one) => (count(one) > count(best) ? one : best), list[0]);
}
