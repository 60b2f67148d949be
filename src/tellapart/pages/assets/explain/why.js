/** Why this class, and not that one: every method's map over the picture, with what was measured of its truth. */

import { chart } from "charts";
import { drawHeat, drawPicture, element, fixed } from "maps";
import { unpack } from "packing";
import { color } from "theme";

const ZERO = 128; // of a map's bytes
const NUMBERS = ["deletion", "random_deletion", "insertion", "random_insertion", "score", "best_random_score"];

export async function begin(told) {
  const [maps, picture, curves, chance] = await Promise.all([told.maps, told.picture, told.curves, told.chance].map(unpack));
  const of = document.getElementById("why-of");
  const not = document.getElementById("why-not");
  const list = document.getElementById("why-maps");
  const slots = [...list.children];
  const asked = () => told.questions.findIndex((one) => one.of === Number(of.value) && one.and_not === (not.value === "" ? null : Number(not.value)));
  const drawings = slots.map((slot, method) => chart(slot.querySelector(".chart"), describe(told.titles[method]), () => curvesOf(curves, chance, asked(), method)));
  const show = () => {
    const place = asked();
    const question = told.questions[place];
    document.getElementById("why-asks").textContent = question.asks;
    document.getElementById("why-says").textContent = question.says;
    question.rows.forEach((row, method) => fill(slots[method], row, told.titles[method], question.asks));
    slots.forEach((slot, method) => draw(slot.querySelector("canvas"), maps, picture, place, method));
    list.append(...question.order.map((method) => slots[method]));
    write(document.getElementById("why-table"), question, told.titles);
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
  for (const one of [whole, document.getElementById("why-legend")]) one.hidden = false;
  show();
}

function describe(title) {
  return `${title}: what is asked about while pixels go, deletion, or come, insertion, in the map's order and in that of random maps as coarse. The areas under the curves are in the table.`;
}

function fill(slot, row, title, asks) {
  slot.className = row.is_true ? "true" : "untrue";
  slot.querySelector(".verdict").textContent = row.verdict;
  slot.querySelector("canvas").setAttribute("aria-label", `${title}: ${asks} ${row.verdict}`);
}

function draw(canvas, maps, picture, place, method) {
  const [, methods, height, width] = maps.shape;
  const start = (place * methods + method) * height * width;
  const heat = Float32Array.from(maps.values.subarray(start, start + height * width), (byte) => (byte - ZERO) / 127);
  drawHeat(canvas, heat, picture.values, height, width, picture.shape[2], 1);
  canvas.hidden = false;
}

function curvesOf(curves, chance, place, method) {
  const [, methods, , points] = curves.shape;
  const line = (values, start) => Array.from({ length: points }, (_, step) => ({ changed: step / (points - 1), share: values[start + step] / 255 }));
  const own = [0, 1].map((kind) => line(curves.values, ((place * methods + method) * 2 + kind) * points));
  const random = [0, 1].map((kind) => line(chance.values, ((place * methods + method) * 2 + kind) * points));
  const most = Math.max(0.1, ...[...own, ...random].flat().map((point) => point.share));
  const colors = [color("--series-2"), color("--series-1")];
  return {
    x: { label: "pixels changed", tickFormat: "%", ticks: 3 },
    y: { label: "share", tickFormat: "%", ticks: 4, domain: [0, most], grid: true },
    marks: [0, 1].flatMap((kind) => [
      Plot.lineY(random[kind], { x: "changed", y: "share", stroke: colors[kind], strokeDasharray: "4 4" }),
      Plot.lineY(own[kind], { x: "changed", y: "share", stroke: colors[kind], strokeWidth: 2 }),
    ]),
  };
}

function write(table, question, titles) {
  table.caption.firstChild.textContent = `${question.asks} Areas under the curves, 0 to 1, and their difference`;
  table.tBodies[0].replaceChildren(...question.order.map((method) => {
    const row = question.rows[method];
    const numbers = [...NUMBERS.map((name) => fixed(row[name], 3)), row.sanity == null ? "–" : fixed(row.sanity, 2)];
    return element("tr", {}, element("th", { scope: "row" }, titles[method]),
      element("td", { class: `text ${row.is_true ? "right" : "wrong"}` }, row.verdict), ...numbers.map((number) => element("td", {}, number)));
  }));
}
