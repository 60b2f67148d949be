/** What a step of training would make of numbers that pass here as they are: dropout and its relatives, by chance. */

import { drawMap, element, number, reach } from "maps";

const CHANNELS = 32; // shown where whole channels are dropped

/** A line, a drawing and a button that draws anew. */
export function drawn(layer, k) {
  const { drawn: way, rate } = layer.working;
  const says = element("p", { class: "soft", "aria-live": "polite" });
  const canvases = element("div", { class: "between", id: "dropped" });
  const button = element("button", { type: "button", id: "drop-again" }, "Draw others");
  const draw = () => (says.textContent = ways[way](layer, k, rate, canvases));
  button.addEventListener("click", draw);
  draw();
  return [says, element("div", { class: "between" }, canvases, button)];
}

/** Each number is zero or divided by 1 - rate. */
function numbers(layer, k, rate, canvases) {
  let dropped = 0;
  const map = numbersOf(layer, k);
  const values = map.values.map((value) => (Math.random() < rate ? (dropped++, 0) : value / (1 - rate)));
  canvases.replaceChildren(large(values, map));
  return `In training, ${dropped} of these ${values.length} would be zero this time, the others divided by ${number(1 - rate)}.`;
}

/** Each channel is zero or divided by 1 - rate. */
function channels(layer, k, rate, canvases) {
  const shown = [...layer.channels.keys()].slice(0, CHANNELS);
  const stays = shown.map(() => Math.random() >= rate);
  canvases.replaceChildren(...shown.map((one, i) => {
    const map = layer.map(one);
    const says = `channel ${layer.channels[one]}: ${stays[i] ? "stays" : "dropped"}`;
    const canvas = element("canvas", { class: "pixels", role: "img", title: says, "aria-label": says, style: "width: 3.5rem; cursor: default" });
    drawMap(canvas, map.values.map((value) => (stays[i] ? value / (1 - rate) : 0)), map.height, map.width, reach(map.values) / (1 - rate));
    return canvas;
  }));
  const dropped = stays.filter((one) => !one).length;
  return `In training, ${dropped} of these ${shown.length} channels would be zero this time, the others divided by ${number(1 - rate)}.`;
}

/** Each number is multiplied by normal noise around 1. */
function noise(layer, k, rate, canvases) {
  const deviation = Math.sqrt(rate / (1 - rate));
  const map = numbersOf(layer, k);
  canvases.replaceChildren(large(map.values.map((value) => value * (1 + deviation * normal())), map));
  return `In training, each of these ${map.values.length} would be multiplied by a number drawn from a normal distribution of mean 1 and standard deviation ${number(deviation)}.`;
}

const ways = { numbers, channels, noise };

/** A channel's map; of a row of units, the row. */
function numbersOf(layer, k) {
  const map = layer.map(k);
  if (map.values.length > 1) return map;
  const values = Float32Array.from(layer.channels, (_, i) => layer.value(layer.rows[0], layer.columns[0], i));
  return { values, height: 1, width: values.length };
}

function large(values, { height, width }) {
  const canvas = element("canvas", { class: "pixels", role: "img", "aria-label": "The same numbers as in a step of training", style: "width: min(15rem, 100%)" });
  drawMap(canvas, values, height, width);
  return canvas;
}

/** A normal number. Source: Box and Muller 1958, doi:10.1214/aoms/1177706645. */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}
