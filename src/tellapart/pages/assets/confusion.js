/** Cells of the confusion matrix: pointing at one shows some of its pictures, clicking it keeps it selected and shows all. */

import { percent } from "charts";

/** Pictures of a cell that is only pointed at. */
const GLANCE = 8;

export function confusion(cells, names, positions, total) {
  const shown = document.getElementById("shown");
  const title = document.getElementById("shown-title");
  const buttons = [...document.querySelectorAll("[data-cell]")];
  let selected = null;

  const show = (index) => {
    const target = names[Math.floor(index / names.length)], predicted = names[index % names.length];
    const cell = cells[index] ?? { count: 0, images: [] };
    const images = index === selected ? cell.images : cell.images.slice(0, GLANCE);
    const count = cell.count ? `${cell.count} of ${total.toLocaleString("en")} pictures` : "no pictures";
    const part = images.length && images.length < cell.count ? `; the ${images.length} most confident` : "";
    title.textContent = `True class ${target}, predicted ${predicted}: ${count}${part}`;
    shown.replaceChildren(...images.map((image) => card(image, target, positions)));
  };
  for (const button of buttons) {
    const index = Number(button.dataset.cell);
    button.addEventListener("pointerenter", () => selected === null && show(index));
    button.addEventListener("focus", () => selected === null && show(index));
    button.addEventListener("click", () => {
      selected = selected === index ? null : index;
      for (const other of buttons) other.setAttribute("aria-pressed", String(Number(other.dataset.cell) === selected));
      show(index);
    });
  }
  const wrong = Object.keys(cells).map(Number).filter((index) => Math.floor(index / names.length) !== index % names.length);
  if (wrong.length) show(wrong.reduce((most, index) => (cells[index].count > cells[most].count ? index : most)));
  keysMoveWithin(document.querySelector(".matrix"));
}

function card(image, target, positions) {
  const item = document.createElement("li");
  const picture = document.createElement("span");
  picture.className = "picture";
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `picture ${image.id}, true class ${target}`);
  picture.style.backgroundPosition = positions[`test/${image.row}`];
  const text = document.createElement("span");
  text.textContent = percent(image.probability);
  const id = document.createElement("span");
  id.className = "soft mono";
  id.style.overflowWrap = "anywhere";
  id.textContent = image.id;
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
