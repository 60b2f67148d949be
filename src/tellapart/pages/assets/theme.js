/** The reader's choice of light or dark, and who wants to know of it. Until a choice is made, the system's holds. */

const listeners = [];

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** The value of a color of page.css, such as "--ink". */
export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Call `draw` now and whenever the colors change. */
export function drawInTheme(draw) {
  listeners.push(draw);
  draw();
}

export function begin(button) {
  const kept = remembered();
  if (kept) document.documentElement.dataset.theme = kept;
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Show the page in ${isDark() ? "light" : "dark"} colors`);
    for (const draw of listeners) draw();
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    remember(document.documentElement.dataset.theme);
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

const KEY = "tellapart-theme";

/** From page to page, where the browser keeps such things; in a notebook's frame it does not. */
function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // only this page knows then
  }
}

function remembered() {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "dark" || kept === "light" ? kept : null;
  } catch {
    return null;
  }
}
