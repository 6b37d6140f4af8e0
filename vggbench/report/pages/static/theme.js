// Light or dark: as the system has it, unless the reader chose; and whether the page is served. Loaded
// before anything is drawn.
"use strict";

(() => {
  const KEY = "vggbench-theme";
  const TEXTS = { auto: "as the system has them", light: "light", dark: "dark" };
  const SIGNS = { auto: "◐", light: "☀", dark: "☾" };
  /** @typedef {keyof typeof TEXTS} Theme */
  const order = /** @type {Theme[]} */ (Object.keys(TEXTS));

  function stored() {
    try {
      const value = localStorage.getItem(KEY);
      return order.find((one) => one === value) ?? "auto";
    } catch {
      return "auto"; // a browser that keeps nothing
    }
  }

  /** @param {Theme} theme */
  function apply(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      button.title = `Colours: ${TEXTS[theme]}`;
      button.setAttribute("aria-label", button.title);
      button.textContent = SIGNS[theme];
    }
    document.dispatchEvent(new Event("themechange"));
  }

  function choose() {
    const next = order[(order.indexOf(stored()) + 1) % order.length];
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // it then holds for this page alone
    }
    apply(next);
  }

  // A file has no data to read: then the page's first words stay, which say what to do.
  if (location.protocol !== "file:") document.documentElement.classList.add("served");
  apply(stored());
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", () => apply(stored()));
  document.addEventListener("DOMContentLoaded", () => {
    apply(stored());
    document.getElementById("theme")?.addEventListener("click", choose);
  });
})();
