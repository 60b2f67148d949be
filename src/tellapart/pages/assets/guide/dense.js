/** Dense: numbers put into a vector, ten units that multiply and add, and how many parameters that takes. */

import { chart, percent } from "charts";
import { flattening } from "flattening";
import { begin, byId, facts, frame, slider } from "lesson";
import { drawMap, drawPicture, element, fixed, reach } from "maps";
import { equation, sum, labeled } from "arithmetic";
import { color, drawInTheme } from "theme";

const SIDE = 8, MOST = Math.max(...facts.weights.map(reach));
const at = { digit: 3, unit: 3, row: 0, column: 0 };
const inputs = { numbers: 1, outputs: 1 };

const pixels = () => facts.digits[at.digit].pixels;
const productsOf = (unit) => pixels().map((pixel, i) => pixel * facts.weights[unit][i]);
const sumOf = (unit) => sum(productsOf(unit)) + facts.biases[unit];

function softmax(sums) {
  const raised = sums.map((one) => Math.exp(one - Math.max(...sums)));
  return raised.map((one) => one / sum(raised));
}

/** Ink on paper, as the digits were written. */
const drawDigit = (canvas, values) => drawPicture(canvas, values.map((value) => 255 - (255 * value) / 16), SIDE, SIDE, 1);

function drawUnits() {
  const sums = facts.weights.map((_, unit) => sumOf(unit)), answer = sums.indexOf(Math.max(...sums)), { label } = facts.digits[at.digit];
  byId("digits").querySelectorAll("button").forEach((button, i) => {
    drawDigit(button.firstChild, facts.digits[i].pixels);
    button.setAttribute("aria-pressed", i === at.digit);
  });
  byId("classes").querySelectorAll("button").forEach((button, unit) => {
    drawMap(button.firstChild, facts.weights[unit], SIDE, SIDE, MOST);
    button.setAttribute("aria-pressed", unit === at.unit);
    button.classList.toggle("largest", unit === answer);
    const says = button.querySelector("[data-what=unit-sum]");
    says.dataset.value = sums[unit];
    says.textContent = fixed(sums[unit], 2);
  });
  byId("verdict").textContent = `Unit ${answer} has the largest sum, so the network predicts ${answer}, with a softmax share of ${percent(softmax(sums)[answer])}. ${answer === label ? "That is right." : `That is wrong: the digit is a ${label}.`}`;
  drawProducts();
}

function drawProducts() {
  const products = productsOf(at.unit), place = at.row * SIDE + at.column;
  drawDigit(byId("pixels"), pixels());
  drawMap(byId("weights"), facts.weights[at.unit], SIDE, SIDE, MOST);
  drawMap(byId("products"), products, SIDE, SIDE);
  for (const id of ["pixels-at", "weights-at", "products-at"]) frame(byId(id), SIDE, at.row, at.column);
  byId("sum").replaceChildren(
    equation("pixel ", labeled("pixel", pixels()[place]), " × weight ", labeled("weight", facts.weights[at.unit][place]), " = ", labeled("product", products[place])),
    equation("sum of 64 products ", labeled("sum", sum(products)), " + bias ", labeled("bias", facts.biases[at.unit]), ` = unit ${at.unit}: `, labeled("unit", sumOf(at.unit), true)));
}

const hidden = (text) => element("span", { class: "visually-hidden" }, text);

/** Add a button with a small picture for each choice. */
function buttons(id, names, choose) {
  byId(id).append(...names.map((texts, i) => {
    const button = element("button", { type: "button" }, element("canvas", { "aria-hidden": "true" }), ...texts);
    button.addEventListener("click", () => choose(i));
    return button;
  }));
}

function follow(event) {
  const box = event.target.getBoundingClientRect();
  const place = (share) => Math.max(0, Math.min(SIDE - 1, Math.floor(share * SIDE)));
  byId("pixel-row").value = place((event.clientY - box.top) / box.height);
  byId("pixel-column").value = place((event.clientX - box.left) / box.width);
  for (const id of ["pixel-row", "pixel-column"]) byId(id).dispatchEvent(new Event("input"));
}

function drawWires() {
  const { numbers, outputs } = inputs;
  const y = (i, count) => 100 + (i - (count - 1) / 2) * 19;
  const all = (count, make) => Array.from({ length: count }, (_, i) => make(i)).join("");
  byId("wires").innerHTML =
    all(numbers, (i) => all(outputs, (j) => `<path d="M40 ${y(i, numbers)}L260 ${y(j, outputs)}" stroke="var(--series-1)" stroke-width="1.2" opacity=".7"/>`)) +
    all(numbers, (i) => `<circle cx="40" cy="${y(i, numbers)}" r="6" fill="var(--ink)"/>`) +
    all(outputs, (j) => `<circle cx="260" cy="${y(j, outputs)}" r="7" fill="var(--series-1)"/><rect x="276" y="${y(j, outputs) - 5}" width="10" height="10" fill="var(--series-2)"/>`);
  const total = (numbers + 1) * outputs;
  byId("wires").setAttribute("aria-label", `${numbers} inputs on the left, ${outputs} units on the right, a line from each to each.`);
  byId("wires-say").textContent = `${numbers * outputs} weights and ${outputs} ${outputs === 1 ? "bias" : "biases"}: (${numbers} + 1) × ${outputs} = ${total} parameters.`;
}

function drawShares() {
  const layers = facts.layers.map((layer, i) => ({ ...layer, at: `${i + 1}. ${layer.name}` }));
  chart(byId("shares"), `Parameters of the tutorial's layers: ${layers.map(({ name, parameters }) => `${name} ${parameters.toLocaleString("en")}`).join(", ")}.`, () => ({
    height: 230, marginLeft: 96, marginRight: 70,
    x: { label: "parameters", ticks: [0, 500000, 1000000], tickFormat: (one) => one.toLocaleString("en"), grid: true }, y: { label: null, domain: layers.map((one) => one.at) },
    marks: [
      Plot.barX(layers, { x: "parameters", y: "at", fill: color("--series-1") }),
      Plot.text(layers, { x: "parameters", y: "at", text: (one) => one.parameters.toLocaleString("en"), textAnchor: "start", dx: 5, fill: color("--ink") }),
    ],
  }));
}

flattening();
buttons("digits", facts.digits.map(({ label }, i) => [hidden(`picture ${i + 1}, a ${label}`)]), (i) => ((at.digit = i), drawUnits()));
buttons("classes", facts.weights.map((_, unit) => [element("span", {}, hidden("unit "), String(unit)), element("span", { "data-what": "unit-sum" })]), (i) => ((at.unit = i), drawUnits()));
for (const name of ["row", "column"]) slider(`pixel-${name}`, (value) => ((at[name] = value), drawProducts(), String(value)));
for (const id of ["pixels", "weights", "products"]) {
  byId(id).addEventListener("pointerdown", follow);
  byId(id).addEventListener("pointermove", (event) => event.pointerType === "mouse" && follow(event));
}
for (const name of ["numbers", "outputs"]) slider(name, (value) => ((inputs[name] = value), drawWires(), String(value)));
drawShares();
drawInTheme(drawUnits);
begin();
