/** Convolution: a window over a picture, its kernel, and the feature map. */

import { begin, byId, facts, frame, slider } from "lesson";
import { drawMap, drawPicture, element } from "maps";
import { grid, sum, labeled } from "arithmetic";
import { color, drawInTheme } from "theme";

const SIZE = 3, OUT = facts.side - SIZE + 1;
const at = { row: 9, column: 7 };
let kernel = [];

const windowAt = (row, column) =>
  Float64Array.from({ length: SIZE * SIZE }, (_, i) => facts.picture[(row + Math.floor(i / SIZE)) * facts.side + column + (i % SIZE)]);
const productsAt = (row, column) => windowAt(row, column).map((value, i) => value * kernel[i]);

function draw() {
  drawPicture(byId("picture"), facts.picture, facts.side, facts.side, 1);
  const made = Float64Array.from({ length: OUT * OUT }, (_, i) => sum(productsAt(Math.floor(i / OUT), i % OUT)));
  drawMap(byId("made"), made, OUT, OUT);
  frame(byId("picture-window"), facts.side, at.row, at.column, SIZE);
  frame(byId("made-place"), OUT, at.row, at.column);
  const products = productsAt(at.row, at.column);
  byId("sums").replaceChildren(
    grid("input", windowAt(at.row, at.column), SIZE, SIZE, "under the window"),
    operator("×"), grid("weight", kernel, SIZE, SIZE, "kernel"),
    operator("="), grid("product", products, SIZE, SIZE, "products"),
    element("span", {}, "sum ", labeled("sum", sum(products), true)));
}

const operator = (sign) => element("span", { class: "operator", "aria-hidden": "true" }, sign);

function choose(name) {
  if (name) kernel = facts.kernels[name].flat();
  byId("own").querySelectorAll("input").forEach((input, i) => (input.value = String(Math.round(kernel[i] * 1e4) / 1e4)));
  draw();
}

function ownNumbers() {
  byId("own").replaceChildren(...Array.from({ length: SIZE * SIZE }, (_, i) => {
    const input = element("input", { type: "number", step: "any", "aria-label": `row ${Math.floor(i / SIZE)}, column ${i % SIZE}` });
    input.addEventListener("input", () => {
      kernel = kernel.with(i, Number(input.value) || 0);
      byId("kernel").value = "";
      draw();
    });
    return input;
  }));
}

function follow(event) {
  const box = byId("picture").getBoundingClientRect();
  const place = (share) => Math.max(0, Math.min(OUT - 1, Math.floor(share * facts.side) - 1));
  byId("row").value = place((event.clientY - box.top) / box.height);
  byId("column").value = place((event.clientX - box.left) / box.width);
  for (const id of ["row", "column"]) byId(id).dispatchEvent(new Event("input"));
}

// The size of the feature map.

const SIZES = ["size-window", "size-stride", "size-padding"];

/** The chosen window, its positions, and the rows of zeros above and below the picture. */
function layout() {
  const [window, stride, padding] = SIZES.map((id) => byId(id).value), places = facts.places[`${window}/${stride}/${padding}`];
  const above = -places[0], below = Math.max(0, places.at(-1) + Number(window) - facts.side);
  return { window: Number(window), places, above, below };
}

function sayZeros({ above, below }) {
  if (!above && !below) return "without padding";
  const rows = (count, where) => count && `${count} ${count === 1 ? "row" : "rows"} ${where}`;
  const listed = (...parts) => parts.filter(Boolean).join(" and ");
  return `with zero padding (${listed(rows(above, "above"), rows(below, "below"))}, as many columns on the ${listed(above && "left", below && "right")})`;
}

function size() {
  const how = layout(), { window, places } = how, [first, last] = [places[0], places.at(-1)];
  byId("size-says").textContent = `${facts.side} × ${facts.side} pixels, ${sayZeros(how)}: the window's top row ranges from ${String(first).replace("-", "−")} to ${last}: ${places.length} positions. The feature map has ${places.length} × ${places.length} numbers.`;
  byId("size-picture").setAttribute("aria-label", `A picture of ${facts.side} by ${facts.side} pixels ${sayZeros(how)}, and the ${places.length} by ${places.length} positions of a window of ${window} by ${window} pixels`);
  byId("size-map").setAttribute("aria-label", `A feature map of ${places.length} by ${places.length} numbers`);
  drawSize(how);
}

function drawSize({ window, places, above, below }) {
  const ink = { cell: color("--grid"), zero: color("--soft"), place: color("--accent"), frame: "#d6006c" };
  const rows = Array.from({ length: facts.side + above + below }, (_, i) => i - above), isPixel = (row) => row >= 0 && row < facts.side;
  const zero = (row, column) => [shape("rect", { ...cell(row, column), class: "zero", fill: "none", stroke: ink.cell, "stroke-width": 0.08 }),
    shape("text", { x: column + 0.5, y: row + 0.5, fill: ink.zero, "aria-hidden": "true" }, "0")];
  const frame = (start, more) => shape("rect", { x: start, y: start, width: window, height: window, class: "window", fill: "none", stroke: ink.frame, "stroke-width": 0.22, ...more });
  show("size-picture", -above - EDGE, rows.length + 2 * EDGE);
  byId("size-picture").replaceChildren(
    ...pairs(rows, (row, column) => (isPixel(row) && isPixel(column) ? [shape("rect", { ...cell(row, column), class: "pixel", fill: ink.cell })] : zero(row, column))),
    ...pairs(places, (row, column) => [shape("circle", { cx: column + window / 2, cy: row + window / 2, r: 0.24, class: "place", fill: ink.place })]),
    frame(places[0], {}), frame(places.at(-1), { "stroke-dasharray": "0.5 0.3" }));
  show("size-map", -EDGE, places.length + 2 * EDGE);
  byId("size-map").replaceChildren(...pairs(places.map((_, i) => i), (row, column) => [
    shape("rect", { ...cell(row, column), class: "number", fill: ink.cell }), shape("circle", { cx: column + 0.5, cy: row + 0.5, r: 0.24, fill: ink.place })]));
}

const EDGE = 0.15; // cells around a drawing, for the frames' lines

/** Show `cells` rows and columns of a drawing from row and column `start`; all cells of the page are equally large. */
function show(id, start, cells) {
  byId(id).setAttribute("viewBox", `${start} ${start} ${cells} ${cells}`);
  byId(id).style.width = `calc(${cells} * var(--unit))`;
}

/** What `draw` gives for every row and column of a list. */
const pairs = (list, draw) => list.flatMap((row) => list.flatMap((column) => draw(row, column)));

/** A cell of the drawing, slightly smaller than its place. */
const cell = (row, column) => ({ x: column + 0.05, y: row + 0.05, width: 0.9, height: 0.9 });

function shape(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

ownNumbers();
choose(byId("kernel").value);
for (const name of ["row", "column"]) slider(name, (value) => ((at[name] = value), draw(), String(value)));
byId("kernel").addEventListener("input", () => choose(byId("kernel").value));
byId("picture").addEventListener("pointerdown", follow);
byId("picture").addEventListener("pointermove", (event) => event.pointerType === "mouse" && follow(event));
for (const id of SIZES) byId(id).addEventListener("input", size);
drawInTheme(draw);
drawInTheme(size);
begin();
