/** What every lesson shares: facts, sliders, frames, questions. */

import { element, number } from "maps";
import { labeled as labeledNumber } from "arithmetic";
import { scrolling } from "scrolling";
import { begin as beginTheme } from "theme";

const data = JSON.parse(document.getElementById("data").textContent);

/** The numbers that tellapart computed for this lesson. */
export const facts = data.facts ?? {};

/** Whether a running tellapart serves this page. */
export const isLive = data.live ?? false;

export const byId = (id) => document.getElementById(id);

/** Call `onValue` with a slider's value, now and whenever it moves, and write the text that it returns beside the slider. */
export function slider(id, onValue) {
  const input = byId(id), says = byId(`${id}-says`);
  const show = () => {
    const text = onValue(Number(input.value));
    if (text == null) return;
    says.textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  input.addEventListener("input", show);
  show();
  return show;
}

/** A number without powers of ten. */
export function plain(value) {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1e-3) return number(value);
  return size < 1e-7 ? "nearly 0" : value.toLocaleString("en", { maximumSignificantDigits: 2 });
}

/** A number with what it is, as the workings write it, but without powers of ten. */
export function labeled(what, value, result = false) {
  const made = labeledNumber(what, value, result);
  made.textContent = plain(value);
  return made;
}

/** Frame `size` rows and columns of a square picture with `side` of each, beginning at a row and a column. */
export function frame(element, side, row, column, size = 1) {
  const share = (count) => `${(100 * count) / side}%`;
  Object.assign(element.style, { top: share(row), left: share(column), width: share(size), height: share(size) });
}

/** Begin what every page has. A lesson calls this last. */
export function begin() {
  for (const form of document.querySelectorAll("form.question")) question(form);
  scrolling();
  beginTheme(byId("theme"));
  document.documentElement.dataset.ready = "";
}

const TRIES = 3; // wrong answers before the right one is offered

function question(form) {
  let wrong = 0;
  const verdict = form.querySelector(".verdict"), because = form.querySelector(".because");
  const say = (text, kind = "") => {
    verdict.textContent = text;
    verdict.className = `verdict ${kind}`;
    because.hidden = kind !== "right";
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = (new FormData(form).get("answer") ?? "").trim();
    const unread = form.dataset.kind === "choice" ? given === "" && "Choose an answer first." : notANumber(given);
    if (unread) return say(unread);
    if (isRight(form, given)) {
      shows.remove();
      return say("Right.", "right");
    }
    say(`Not quite. ${hintOf(form, given) ?? "Try again."}`, "wrong");
    wrong += 1;
    if (wrong >= TRIES) verdict.after(shows);
  });
  const shows = element("button", { type: "button", class: "shows" }, "Show the answer");
  shows.addEventListener("click", () => {
    say(`The answer: ${answerOf(form)}`);
    because.hidden = false;
  });
  form.addEventListener("input", () => say(""));
}

function isRight({ dataset }, given) {
  if (dataset.kind === "choice") return given === dataset.right;
  const isClose = (value) => (right) => Math.abs(value - Number(right)) <= Number(dataset.within) + 1e-12;
  return readings(given).some((value) => [dataset.right, ...(dataset.also ? [dataset.also] : [])].some(isClose(value)));
}

/** The hint for a wrong answer: of its choice, of its number, or of the question. */
const hintOf = (form, given) => form.querySelector("input:checked")?.dataset.hint ?? nearHint(form, given) ?? form.dataset.hint;

function nearHint({ dataset }, given) {
  const [, hint] = JSON.parse(dataset.near ?? "[]").find(([numbers]) => readings(given).some((value) => numbers.includes(value))) ?? [];
  return hint;
}

const answerOf = (form) =>
  [...form.querySelectorAll("input[type=radio]")].find((choice) => choice.value === form.dataset.right)?.parentElement.textContent.trim() ?? form.dataset.right;

/** What to say if an answer is not a number; null if it is. */
function notANumber(given) {
  if (readings(given).length) return null;
  return given.split(/[^\d.,]+/).filter((part) => /\d/.test(part)).length > 1 ? "Enter a single number." : "Enter a number first.";
}

/** The numbers that an answer may mean, such as 1563, 1,563, 0.25, 0,25, 25%, 1/4 or 28 rows; empty if it is no number. */
function readings(text) {
  const plain = text.replaceAll("−", "-").replace(/(\d)\s+(?=\d)/g, "$1");
  const [, number, divisor, unit] = /^([-+]?(?:\d[\d.,]*|\.\d+))(?:\s*\/\s*(\d+))?\s*(%|[a-z]*)$/i.exec(plain) ?? [];
  if (number == null) return [];
  const values = [number.replace(",", "."), number.replaceAll(",", "")].map(Number).filter(Number.isFinite);
  if (divisor) return values.map((value) => value / Number(divisor));
  return unit === "%" ? [...values, ...values.map((value) => value / 100)] : values;
}
