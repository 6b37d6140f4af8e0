// Light or dark: as the system has it, unless the reader chose; and whether the page is served. Loaded
// before anything is drawn.
"use strict";
(() => {
  const KEY = "vggbench-theme";
  const TITLES = { auto: "as the system has them", light: "light", dark: "dark" };
  const SIGNS = { auto: "◐", light: "☀", dark: "☾" };
  const order = Object.keys(TITLES);

  function stored() {
    try {
      const value = localStorage.getItem(KEY);
      return order.includes(value) ? value : "auto";
    } catch {
      return "auto"; // a browser that keeps nothing
    }
  }

  function apply(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      button.setAttribute("aria-label", `Colours: ${TITLES[theme]}`);
      button.title = button.getAttribute("aria-label");
      button.textContent = SIGNS[theme];
    }
    document.dispatchEvent(new Event("themechange"));
  }

  // A file has no data to read: then the page's first words stay, which say what to do.
  if (location.protocol !== "file:") document.documentElement.classList.add("served");
  apply(stored());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(stored()));
  document.addEventListener("DOMContentLoaded", () => {
    apply(stored());
    document.getElementById("theme").addEventListener("click", () => {
      const next = order[(order.indexOf(stored()) + 1) % order.length];
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // it then holds for this page alone
      }
      apply(next);
    });
  });
})();
