// What is known of the params of a line's framework (data/params.json): roles, and words for people.
/** @import { ListedLine, Param, Params } from "../types.js" */

/** @type {Record<string, Param[]>} */
let known = {};
let lacking = "";

/** @param {Params} told */
export function learn(told) {
  known = told.frameworks;
  lacking = told.lacking;
}

/**
 * The params of a line, in the order of the words of its configurations.
 * @param {ListedLine} line
 * @returns {Param[]}
 */
export function paramsOf(line) {
  const own = known[line.family.split(".").at(-1) ?? ""] ?? [];
  return line.params.map((name) => own.find((one) => one.name === name) ?? unknown(name));
}

/**
 * @param {string} name
 * @returns {Param}
 */
const unknown = (name) => ({ name, role: null, title: name, about: null, words: [], shown: {} });

/**
 * Whether a configuration has another word than the default for what has this role; a param that it
 * lacks is at its default.
 * @param {ListedLine} line
 * @param {string[]} configuration
 * @param {string} role
 */
export function isChosen(line, configuration, role) {
  return paramsOf(line).some(
    (param, i) => param.role === role && ![lacking, param.words[0]].includes(configuration[i]),
  );
}

/**
 * @param {Param} param
 * @param {string} word
 */
export const readableWord = (param, word) =>
  Object.hasOwn(param.shown, word) ? param.shown[word] : word;

/**
 * @param {Param[]} params
 * @param {string[]} words
 */
export const readableWords = (params, words) =>
  words.map((word, i) => readableWord(params[i], word)).join(", ");

/**
 * A configuration for people, as the tables of 2017 name theirs.
 * @param {ListedLine} line
 * @param {string[]} configuration
 */
export const readable = (line, configuration) => readableWords(paramsOf(line), configuration);
