// The data that a page reads, each file once.

/** @type {Map<string, Promise<any>>} */
const loaded = new Map();

/**
 * The content of a data file; types.d.ts says what each has.
 * @param {string} name
 * @returns {Promise<any>}
 */
export function load(name) {
  const known = loaded.get(name);
  if (known) return known;
  const path = `data/${encodeURIComponent(name)}.json`;
  const asked = fetch(path, { credentials: "same-origin" }).then((answer) => {
    if (!answer.ok) throw new Error(`${path} cannot be read (${answer.status})`);
    return answer.json();
  });
  asked.catch(() => loaded.delete(name));
  loaded.set(name, asked);
  return asked;
}
