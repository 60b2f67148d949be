/** What every lesson shares: its facts, its sliders, its questions. */

import { scrolling } from "scrolling";
import { begin as beginTheme } from "theme";

const told = JSON.parse(document.getElementById("data").textContent);

/** What tellapart computed for this lesson. */
export const facts = told.facts ?? {};

/** Whether tellapart answers behind this page. */
export const isLive = told.live ?? false;

export const byId = (id) => document.getElementById(id);

/** Call `tell` with a slider's value, now and whenever it moves; what it returns is written beside the slider. */
export function slider(id, tell) {
  const input = byId(id), says = byId(`${id}-says`);
  const show = () => {
    const text = tell(Number(input.value));
    if (text == null) return;
    says.textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  input.addEventListener("input", show);
  show();
  return show;
}

/** Lay a frame over a part of a picture that has `side` rows and columns: from a row and a column on, `size` of each. */
export function frame(element, side, row, column, size = 1) {
  const share = (count) => `${(100 * count) / side}%`;
  Object.assign(element.style, { top: share(row), left: share(column), width: share(size), height: share(size) });
}

/** To be called once, when all of a lesson's own parts stand. */
export function begin() {
  for (const form of document.querySelectorAll("form.question")) question(form);
  scrolling();
  beginTheme(byId("theme"));
  document.documentElement.dataset.ready = "";
}

function question(form) {
  const verdict = form.querySelector(".verdict"), because = form.querySelector(".because");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = new FormData(form).get("answer");
    const answer = typeof given === "string" ? given.trim() : "";
    const isRight = answer !== "" && matches(form.dataset, answer);
    verdict.textContent = answer === "" ? "Choose or write an answer first." : isRight ? "Right." : "Not quite. Try again.";
    verdict.className = answer === "" ? "verdict" : `verdict ${isRight ? "right" : "wrong"}`;
    because.hidden = !isRight;
  });
}

function matches({ kind, right, within }, answer) {
  if (kind === "choice") return answer === right;
  return Math.abs(numberOf(answer) - Number(right)) <= Number(within) + 1e-12;
}

/** A number as people write it: 1563, 1,563, 0.25, 0,25 or 25%. */
function numberOf(text) {
  const plain = text.replace("%", "").replace("−", "-").trim();
  return Number(/^-?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(plain) ? plain.replaceAll(",", "") : plain.replace(",", "."));
}
