/** Convolution: a window over a picture, its kernel, and the map that comes of it. */

import { begin, byId, facts, frame, slider } from "lesson";
import { drawMap, drawPicture, element } from "maps";
import { grid, sum, told } from "opened";
import { drawInTheme } from "theme";

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
    element("span", {}, "sum ", told("sum", sum(products), true)));
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

function size() {
  const key = ["size-window", "size-stride", "size-padding"].map((id) => byId(id).value).join("/");
  byId("size-says").textContent = `The map of ${facts.side} × ${facts.side} pixels has ${facts.sides[key]} × ${facts.sides[key]} numbers.`;
}

ownNumbers();
choose(byId("kernel").value);
for (const name of ["row", "column"]) slider(name, (value) => ((at[name] = value), draw(), String(value)));
byId("kernel").addEventListener("input", () => choose(byId("kernel").value));
byId("picture").addEventListener("pointerdown", follow);
byId("picture").addEventListener("pointermove", (event) => event.pointerType === "mouse" && follow(event));
for (const id of ["size-window", "size-stride", "size-padding"]) byId(id).addEventListener("input", size);
size();
drawInTheme(draw);
begin();
