/** Why this class and not that one: every method's map over the picture, with its measured faithfulness. */

import { chart } from "charts";
import { drawHeat, drawPicture, element, fixed } from "maps";
import { unpack } from "packing";
import { color } from "theme";

const ZERO = 128; // of a map's bytes
const NUMBERS = ["deletion", "random_deletion", "insertion", "random_insertion", "score", "best_random_score"];

const part = () => document.querySelector(".section-why details");

/** Draw nothing before the reader opens the part, which stands behind a button. */
export function begin(data) {
  if (part().open) return draw(data);
  part().addEventListener("toggle", () => draw(data), { once: true });
}

async function draw(data) {
  const [maps, picture, curves, random] = await Promise.all([data.maps, data.picture, data.curves, data.random_curves].map(unpack));
  const of = document.getElementById("why-of");
  const not = document.getElementById("why-not");
  const list = document.getElementById("why-maps");
  const slots = [...list.children];
  const chosen = () => data.contrasts.findIndex((contrast) => contrast.of === Number(of.value) && contrast.and_not === (not.value === "" ? null : Number(not.value)));
  const drawings = slots.map((slot, method) => chart(slot.querySelector(".chart"), describe(data.titles[method]), () => curvesOf(curves, random, chosen(), method)));
  const show = () => {
    const place = chosen();
    const contrast = data.contrasts[place];
    document.getElementById("why-question").textContent = contrast.question;
    document.getElementById("why-summary").textContent = contrast.summary;
    contrast.rows.forEach((row, method) => fill(slots[method], row, data.titles[method], contrast.question));
    slots.forEach((slot, method) => drawOne(slot.querySelector("canvas"), maps, picture, place, method));
    list.append(...contrast.order.map((method) => slots[method]));
    write(document.getElementById("why-table"), contrast, data.titles);
    for (const redraw of drawings) redraw();
  };
  of.addEventListener("change", () => {
    for (const option of not.options) option.disabled = option.value === of.value;
    if (not.value === of.value) not.value = "";
    show();
  });
  not.addEventListener("change", show);
  const whole = document.getElementById("why-picture");
  drawPicture(whole, picture.values, ...picture.shape);
  whole.hidden = false;
  document.getElementById("why-legend").hidden = false;
  show();
  part().dataset.drawn = "true";
}

function describe(title) {
  return `${title}: probability while pixels are deleted or inserted in the map's order, and in that of random maps. The areas under the curves are in the table.`;
}

function fill(slot, row, title, question) {
  slot.className = row.is_faithful ? "faithful" : "unreliable";
  slot.querySelector(".verdict").textContent = row.verdict;
  slot.querySelector("canvas").setAttribute("aria-label", `${title}: ${question} ${row.verdict}`);
}

function drawOne(canvas, maps, picture, place, method) {
  const [, methods, height, width] = maps.shape;
  const start = (place * methods + method) * height * width;
  const heat = Float32Array.from(maps.values.subarray(start, start + height * width), (byte) => (byte - ZERO) / 127);
  drawHeat(canvas, heat, picture.values, height, width, picture.shape[2], 1);
  canvas.hidden = false;
}

function curvesOf(curves, randomCurves, place, method) {
  const [, methods, , points] = curves.shape;
  const line = (values, start) => Array.from({ length: points }, (_, step) => ({ changed: step / (points - 1), share: values[start + step] / 255 }));
  const own = [0, 1].map((kind) => line(curves.values, ((place * methods + method) * 2 + kind) * points));
  const random = [0, 1].map((kind) => line(randomCurves.values, ((place * methods + method) * 2 + kind) * points));
  const most = Math.max(0.1, ...[...own, ...random].flat().map((point) => point.share));
  const colors = [color("--series-2"), color("--series-1")];
  return {
    x: { label: "pixels changed", tickFormat: "%", ticks: 3 },
    y: { label: "probability", tickFormat: "%", ticks: 4, domain: [0, most], grid: true },
    marks: [0, 1].flatMap((kind) => [
      Plot.lineY(random[kind], { x: "changed", y: "share", stroke: colors[kind], strokeDasharray: "4 4" }),
      Plot.lineY(own[kind], { x: "changed", y: "share", stroke: colors[kind], strokeWidth: 2 }),
    ]),
  };
}

function write(table, contrast, titles) {
  table.caption.firstChild.textContent = `${contrast.question} Areas under the curves, 0 to 1, and their difference`;
  table.tBodies[0].replaceChildren(...contrast.order.map((method) => {
    const row = contrast.rows[method];
    const numbers = [...NUMBERS.map((name) => fixed(row[name], 3)), row.randomized_similarity == null ? "–" : fixed(row.randomized_similarity, 2)];
    return element("tr", {}, element("th", { scope: "row" }, titles[method]),
      element("td", { class: `text ${row.is_faithful ? "right" : "wrong"}` }, row.verdict), ...numbers.map((number) => element("td", {}, number)));
  }));
}
