/** The page of a tuning: copy the command, find a trial in the drawings. All text and drawings are in the page already. */

import { begin } from "theme";
import { contents } from "contents";
import { scrolling } from "scrolling";

const SECONDS_OF_THANKS = 2;

document.getElementById("copy")?.addEventListener("click", async ({ currentTarget: button }) => {
  const text = document.getElementById(button.dataset.for);
  const isCopied = await copied(text);
  button.textContent = isCopied ? "Copied" : "Press Ctrl-C";
  setTimeout(() => (button.textContent = "Copy"), 1000 * SECONDS_OF_THANKS);
});

/** Copy an element's text; where the browser does not allow that, select it for the reader. */
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return false;
  }
}

const finders = [...document.querySelectorAll(".find")];
for (const finder of finders) {
  finder.addEventListener("click", () => {
    const isFound = finder.getAttribute("aria-pressed") === "true";
    find(isFound ? null : finder.dataset.trial);
    if (!isFound) document.getElementById("settings").scrollIntoView();
  });
}
for (const mark of document.querySelectorAll(".trial[data-trial]")) {
  mark.addEventListener("click", () => find(mark.classList.contains("found") ? null : mark.dataset.trial));
}
document.addEventListener("keydown", (event) => event.key === "Escape" && find(null));

/** Show one trial in every drawing and press its button; null: all again. */
function find(number) {
  for (const drawing of document.querySelectorAll(".drawing")) {
    drawing.classList.toggle("finding", number !== null);
    for (const mark of drawing.querySelectorAll(".trial")) mark.classList.toggle("found", mark.dataset.trial === number);
  }
  for (const finder of finders) finder.setAttribute("aria-pressed", String(finder.dataset.trial === number));
}

contents();
scrolling();
begin(document.getElementById("theme"));
