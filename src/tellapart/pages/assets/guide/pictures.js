/** Pictures are numbers: pixels one by one, brighter or darker, a digit, and the division by 255. */

import { begin, byId, facts, plain, slider } from "lesson";
import { drawPicture, element, inkOn } from "maps";
import { pixels } from "picture";

const SIDE = facts.side, DIGIT = 8;
const shown = Uint8ClampedArray.from(facts.picture);
const count = (wanted) => shown.filter((one) => one === wanted).length;

function beginPixels() {
  const draw = pixels(shown, [SIDE, SIDE, 3]);
  for (const name of ["picture-row", "picture-column"]) slider(name, String);
  slider("lightness", (added) => {
    shown.set(facts.picture.map((one) => one + added)); // a clamped array keeps them within 0 and 255
    draw();
    byId("lightness-tells").textContent = `Of ${shown.length.toLocaleString("en")} numbers, ${count(0).toLocaleString("en")} are 0 and ${count(255).toLocaleString("en")} are 255.`;
    return added > 0 ? `+${added}` : String(added);
  });
}

function showDigit() {
  const values = facts.digits[Number(byId("digit").value)], white = Number(byId("white").value);
  byId("digit-numbers").tBodies[0].replaceChildren(...Array.from({ length: DIGIT }, (_, row) =>
    element("tr", {}, ...values.slice(row * DIGIT, (row + 1) * DIGIT).map((value) => {
      const gray = Array(3).fill(Math.round((255 * value) / white));
      return element("td", { style: `background: rgb(${gray}); color: ${inkOn(gray)}` }, String(value));
    }))));
  return byId("digit").value;
}

let divided = [], runs = 0;

function load() {
  divided = facts.picture;
  runs = 0;
  showDivided();
}

function run() {
  divided = divided.map((one) => one / 255);
  runs += 1;
  showDivided();
}

function showDivided() {
  drawPicture(byId("divided"), divided.map((one) => Math.min(255, 255 * one)), SIDE, SIDE, 3);
  const times = ["Not divided", "Divided once", "Divided twice"][runs] ?? `Divided ${runs} times`;
  const white = divided.filter((one) => one >= 1).length;
  byId("divided-says").textContent = `${times}: the smallest number is ${plain(Math.min(...divided))}, the largest ${plain(Math.max(...divided))}. Of ${divided.length.toLocaleString("en")} numbers, ${white.toLocaleString("en")} are 1 or more.`;
}

beginPixels();
byId("white").addEventListener("input", slider("digit", showDigit));
byId("divide-run").addEventListener("click", run);
byId("divide-anew").addEventListener("click", load);
load();
begin();
