// What is known of the params of a line's framework (data/params.json): roles, and texts for people.

let known = {};
let lacking = null;

export function learn(told) {
  known = told.frameworks;
  lacking = told.lacking;
}

// The params of a line, in the order of the words of its configurations.
export function paramsOf(line) {
  const own = known[line.family.split(".").at(-1)] ?? [];
  return line.params.map(
    (name) => own.find((one) => one.name === name) ?? { name, role: null, title: name, about: null, words: [], shown: {} },
  );
}

// Whether a configuration has another word than the default for what has this role; a param that it
// lacks is at its default.
export function isChosen(line, configuration, role) {
  return paramsOf(line).some((param, i) => param.role === role && ![lacking, param.words[0]].includes(configuration[i]));
}

export const readableWord = (param, word) => (Object.hasOwn(param.shown, word) ? param.shown[word] : word);

export const readableWords = (params, words) => words.map((word, i) => readableWord(params[i], word)).join(", ");

// A configuration for people, as the tables of 2017 name theirs.
export const readable = (line, configuration) => readableWords(paramsOf(line), configuration);
