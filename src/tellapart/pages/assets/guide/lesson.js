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
  const say = (text, kind = "") => {
    verdict.textContent = text;
    verdict.className = `verdict ${kind}`;
    because.hidden = kind !== "right";
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = (new FormData(form).get("answer") ?? "").trim();
    if (form.dataset.kind === "choice") {
      if (given === "") say("Choose an answer first.");
      else say(...(given === form.dataset.right ? RIGHT : WRONG));
      return;
    }
    const numbers = readings(given);
    if (!numbers.length) say("Write a number first.");
    else say(...(numbers.some((one) => isClose(one, form.dataset)) ? RIGHT : WRONG));
  });
  form.addEventListener("input", () => say(""));
}

const RIGHT = ["Right.", "right"], WRONG = ["Not quite. Try again.", "wrong"];

const isClose = (number, { right, within }) => Math.abs(number - Number(right)) <= Number(within) + 1e-12;

/** What an answer may mean as a number: 1563, 1,563, 0.25, 0,25, 25%, 1/4, 28 rows. None where it is no number. */
function readings(text) {
  const plain = text.replaceAll("−", "-").replace(/(\d)\s+(?=\d)/g, "$1");
  const [, number, divisor, unit] = /^([-+]?(?:\d[\d.,]*|\.\d+))(?:\s*\/\s*(\d+))?\s*(%|[a-z]*)$/i.exec(plain) ?? [];
  if (number == null) return [];
  const found = [number.replace(",", "."), number.replaceAll(",", "")].map(Number).filter(Number.isFinite);
  if (divisor) return found.map((one) => one / Number(divisor));
  return unit === "%" ? [...found, ...found.map((one) => one / 100)] : found;
}
