/** Cells of the confusion matrix: pointing at one shows some of its pictures, pressing it keeps and shows all. */

import { percent } from "charts";

/** Pictures of a cell that is only pointed at. */
const GLANCE = 8;

export function confusion(cells, names, places, total) {
  const shown = document.getElementById("shown");
  const title = document.getElementById("shown-title");
  const buttons = [...document.querySelectorAll("[data-cell]")];
  let kept = null;

  const show = (cell) => {
    const truth = names[Math.floor(cell / names.length)], answer = names[cell % names.length];
    const found = cells[cell] ?? { count: 0, pictures: [] };
    const pictures = cell === kept ? found.pictures : found.pictures.slice(0, GLANCE);
    const some = pictures.length < found.count ? `, the surest ${pictures.length} shown` : "";
    title.textContent = found.count
      ? `Shows ${truth}, answered ${answer}: ${found.count} ${found.count === 1 ? "picture" : "pictures"} of ${total.toLocaleString("en")}${some}.`
      : `Shows ${truth}, answered ${answer}: no picture.`;
    shown.replaceChildren(...pictures.map((one) => card(one, truth, places)));
  };
  for (const button of buttons) {
    const cell = Number(button.dataset.cell);
    button.addEventListener("pointerenter", () => kept === null && show(cell));
    button.addEventListener("focus", () => kept === null && show(cell));
    button.addEventListener("click", () => {
      kept = kept === cell ? null : cell;
      for (const other of buttons) other.setAttribute("aria-pressed", String(Number(other.dataset.cell) === kept));
      show(cell);
    });
  }
  const wrong = Object.keys(cells).map(Number).filter((cell) => Math.floor(cell / names.length) !== cell % names.length);
  if (wrong.length) show(wrong.reduce((most, cell) => (cells[cell].count > cells[most].count ? cell : most)));
  keysMoveWithin(document.querySelector(".matrix"));
}

function card(one, truth, places) {
  const item = document.createElement("li");
  const picture = document.createElement("span");
  picture.className = "picture";
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `a picture of ${truth}, ${one.id}`);
  picture.style.backgroundPosition = places[`test/${one.row}`];
  const text = document.createElement("span");
  text.textContent = `${percent(one.probability)} sure`;
  const id = document.createElement("span");
  id.className = "soft mono";
  id.style.overflowWrap = "anywhere";
  id.textContent = one.id;
  item.append(picture, text, document.createElement("br"), id);
  return item;
}

/** One tab stop for the whole matrix; arrow keys go from cell to cell. */
function keysMoveWithin(matrix) {
  if (!matrix) return;
  const rows = [...matrix.tBodies[0].rows].map((row) => [...row.querySelectorAll("button")]);
  rows.flat().forEach((button, index) => (button.tabIndex = index ? -1 : 0));
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  matrix.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    const y = rows.findIndex((row) => row.includes(event.target));
    if (!move || y < 0) return;
    const next = rows[y + move[0]]?.[rows[y].indexOf(event.target) + move[1]];
    if (!next) return;
    event.preventDefault();
    rows.flat().forEach((button) => (button.tabIndex = button === next ? 0 : -1));
    next.focus();
  });
}
