// The data that a page reads, each file once.

const loaded = new Map();

export function load(name) {
  if (!loaded.has(name)) {
    const path = `data/${encodeURIComponent(name)}.json`;
    const asked = fetch(path, { credentials: "same-origin" }).then((answer) => {
      if (!answer.ok) throw new Error(`${path} cannot be read (${answer.status})`);
      return answer.json();
    });
    asked.catch(() => loaded.delete(name));
    loaded.set(name, asked);
  }
  return loaded.get(name);
}
