/** Pieces that arithmetic is written with: numbers that can be checked, grids and tables of them, and curves. */

import { colorOf, element, inkOn, number, reach } from "maps";

/** A number labeled with what it is, so that tests can recompute it. */
export function labeled(what, value, result = false) {
  return element("span", { class: result ? "n result" : "n", "data-what": what, "data-value": value }, number(value));
}

/** A line of an equation: strings and numbers. */
export function equation(...parts) {
  return element("p", { class: "equation" }, ...parts);
}

/** A grid of numbers in their colors. `marks` may add a class to a cell by its place. */
export function grid(what, values, height, width, caption, marks = () => "") {
  const most = reach(values);
  const rows = Array.from({ length: height }, (_, i) => element("tr", {}, ...Array.from({ length: width }, (_, j) => {
    const value = values[i * width + j];
    const color = colorOf(value / most);
    const mark = marks(i * width + j);
    return element("td", {
      "data-what": what, "data-value": value, "data-place": i * width + j, class: mark,
      style: `background: rgb(${color}); color: ${inkOn(color)}`,
      ...(mark === "padding" ? { title: "padding" } : {}),
    }, number(value));
  })));
  return element("figure", {}, element("table", {}, element("tbody", {}, ...rows)), element("figcaption", {}, caption));
}

/** A table of rows of cells, each a string or an element. */
export function table(caption, heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell, i) => element(i ? "td" : "th", i ? {} : { scope: "row" }, cell))));
  return element("div", { class: "scroll" }, element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body)));
}

/** A function's curve with a point on it. */
export function curve({ x, y }, name, at, value) {
  const [left, right] = [Math.min(x.values[0], at), Math.max(x.values.at(-1), at)];
  const [low, high] = [Math.min(...y.values, value), Math.max(...y.values, value)];
  const px = (place) => 10 + (280 * (place - left)) / (right - left);
  const py = (height) => 150 - (140 * (height - low)) / (high - low || 1);
  const points = [...x.values].map((place, i) => `${px(place).toFixed(1)},${py(y.values[i]).toFixed(1)}`).join(" ");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 300 160");
  svg.setAttribute("class", "curve");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `The function ${name}; at ${number(at)} it is ${number(value)}.`);
  svg.innerHTML = `<path d="M10 ${py(0)}H290M${px(0)} 10V150" stroke="var(--line)" fill="none"/>
    <polyline points="${points}" fill="none" stroke="var(--series-1)" stroke-width="2.5"/>
    <circle cx="${px(at)}" cy="${py(value)}" r="5" fill="#d6006c" stroke="var(--raised)" stroke-width="2"/>`;
  return svg;
}

/** Indices by the absolute size of their values, the largest first. */
export function bySize(values) {
  return [...values.keys()].sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]));
}

export const sum = (values) => values.reduce((total, value) => total + value, 0);
