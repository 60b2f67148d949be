/** What dropout and its relatives, which do nothing here, would do to these numbers in a training step. */

import { drawMap, element, number, reach } from "maps";

const CHANNELS = 32; // shown at most where whole channels are dropped

/** A sentence, a drawing and a button that draws again. */
export function dropoutDrawing(layer, k) {
  const { drawing, rate } = layer.arithmetic;
  const sentence = element("p", { class: "soft", "aria-live": "polite" });
  const canvases = element("div", { class: "between", id: "dropout" });
  const button = element("button", { type: "button", id: "drop-again" }, "Draw again");
  const draw = () => (sentence.textContent = drawings[drawing](layer, k, rate, canvases));
  button.addEventListener("click", draw);
  draw();
  return [sentence, element("div", { class: "between" }, canvases, button)];
}

/** Each number is zero or divided by 1 - rate. */
function numbers(layer, k, rate, canvases) {
  let dropped = 0;
  const map = numbersOf(layer, k);
  const values = map.values.map((value) => (Math.random() < rate ? (dropped++, 0) : value / (1 - rate)));
  canvases.replaceChildren(large(values, map));
  return `One random draw of training: ${dropped} of ${values.length} numbers are set to zero, the others divided by ${number(1 - rate)}.`;
}

/** Each channel is zero or divided by 1 - rate. */
function channels(layer, k, rate, canvases) {
  const shown = [...layer.channels.keys()].slice(0, CHANNELS);
  const kept = shown.map(() => Math.random() >= rate);
  canvases.replaceChildren(...shown.map((place, i) => {
    const map = layer.map(place);
    const label = `channel ${layer.channels[place]}: ${kept[i] ? "kept" : "dropped"}`;
    const canvas = element("canvas", { class: "pixels", role: "img", title: label, "aria-label": label, style: "width: 3.5rem; cursor: default" });
    drawMap(canvas, map.values.map((value) => (kept[i] ? value / (1 - rate) : 0)), map.height, map.width, reach(map.values) / (1 - rate));
    return canvas;
  }));
  const dropped = kept.filter((isKept) => !isKept).length;
  return `One random draw of training: ${dropped} of ${shown.length} channels are set to zero, the others divided by ${number(1 - rate)}.`;
}

/** Each number is multiplied by normal noise around 1. */
function noise(layer, k, rate, canvases) {
  const deviation = Math.sqrt(rate / (1 - rate));
  const map = numbersOf(layer, k);
  canvases.replaceChildren(large(map.values.map((value) => value * (1 + deviation * normal())), map));
  return `One random draw of training: each of ${map.values.length} numbers is multiplied by a normal random number with mean 1 and standard deviation ${number(deviation)}.`;
}

const drawings = { numbers, channels, noise };

/** A channel's map; for a row of units, the row. */
function numbersOf(layer, k) {
  const map = layer.map(k);
  if (map.values.length > 1) return map;
  const values = Float32Array.from(layer.channels, (_, i) => layer.value(layer.rows[0], layer.columns[0], i));
  return { values, height: 1, width: values.length };
}

function large(values, { height, width }) {
  const canvas = element("canvas", { class: "pixels", role: "img", "aria-label": "The numbers after one random draw of training", style: "width: min(15rem, 100%)" });
  drawMap(canvas, values, height, width);
  return canvas;
}

/** A standard normal number. Source: Box and Muller 1958, doi:10.1214/aoms/1177706645. */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}
