/** How one output number is computed, by kind of layer: each function returns elements for the chosen number. */

import { dropoutDrawing } from "dropout";
import { drawMap, element, number } from "maps";
import { sourceOf } from "numbers";
import { bySize, curve, equation, grid, labeled, sum, table } from "arithmetic";

const CHANNELS = 3; // input channels shown number by number
const PRODUCTS = 12; // products shown one by one where there is no window
const LARGEST_GRID = 49; // numbers of a window up to which it is shown as a grid

function weighted(layer, { y, x, k }) {
  const read = layer.window(0, y, x, k);
  const size = read.values.length;
  const weights = layer.arithmetic.kernel.values.subarray(k * size, (k + 1) * size);
  const products = Float64Array.from(read.values, (value, i) => value * weights[i]);
  const total = sum(products);
  const bias = layer.arithmetic.bias?.values[k];
  const area = read.kh * read.kw;
  const isTransposed = layer.readings[0].dilation[0] < 0;
  const count = isTransposed ? read.inside.filter(Boolean).length * read.reads : size;
  const shown = area > 1 && area <= LARGEST_GRID && !isTransposed
    ? windows(layer, read, weights, products)
    : [list(layer, read, weights, products, isTransposed)];
  const z = total + (bias ?? 0);
  return [...shown, ending(layer, { y, x, k }, z, [
    labeled("products", total), ` (sum of ${count.toLocaleString("en")} product${count === 1 ? "" : "s"})`,
    ...(bias == null ? [] : [bias < 0 ? " + (" : " + ", labeled("bias", bias), bias < 0 ? ") (bias)" : " (bias)"]),
    ...(bias == null || layer.arithmetic.activation === "linear" ? [] : [" = ", labeled("z", z)]),
  ])];
}

function windows(layer, read, weights, products) {
  const { kh, kw, reads, first } = read;
  const area = kh * kw;
  const of = (values, c) => Float64Array.from({ length: area }, (_, i) => values[i * reads + c]);
  const sums = Float64Array.from({ length: reads }, (_, c) => sum(of(products, c)));
  const chosen = bySize(sums).slice(0, CHANNELS);
  const padding = (place) => (read.inside[place] ? "" : "padding");
  const parts = chosen.map((c) => element("div", { class: "sums", "data-channel": first + c },
    grid("input", of(read.values, c), kh, kw, `${source(layer)}, channel ${first + c}`, padding),
    element("span", { class: "operator", "aria-hidden": "true" }, "×"),
    grid("weight", of(weights, c), kh, kw, "kernel"),
    element("span", { class: "operator", "aria-hidden": "true" }, "="),
    grid("product", of(products, c), kh, kw, "products"),
    element("span", {}, "sum ", labeled("channel-sum", sums[c]))));
  const rest = reads - chosen.length;
  if (rest) {
    const left = sum(sums) - sum(chosen.map((c) => sums[c]));
    parts.push(equation(`the other ${rest.toLocaleString("en")} input channel${rest === 1 ? "" : "s"} together: `, labeled("others", left)));
  }
  return parts;
}

function list(layer, read, weights, products, isTransposed) {
  const all = bySize(products).filter((i) => !isTransposed || read.inside[Math.floor(i / read.reads)]);
  const order = all.slice(0, PRODUCTS);
  const where = (i) => {
    const channel = read.first + (i % read.reads);
    if (read.kh * read.kw === 1) return `${layer.readings[0].cells[0] * layer.readings[0].cells[1] === 1 ? "unit" : "channel"} ${channel}`;
    const place = Math.floor(i / read.reads);
    const [row, column] = read.places[place];
    const cell = isTransposed ? `, kernel row ${Math.floor(place / read.kw)}, column ${place % read.kw}` : "";
    return `row ${row}, column ${column}, channel ${channel}${cell}`;
  };
  const rows = order.map((i) => [where(i), labeled("input", read.values[i]), labeled("weight", weights[i]), labeled("product", products[i])]);
  for (const [place, row] of rows.entries()) row.slice(1).forEach((cell) => (cell.dataset.index = order[place]));
  const left = sum(products) - sum(order.map((i) => products[i]));
  if (all.length > order.length) {
    rows.push([`the other ${(all.length - order.length).toLocaleString("en")} together`, "", "", labeled("others", left)]);
  }
  return table(`The largest products; input: ${source(layer)}`, ["input", "value", "weight", "product"], rows);
}

/** From the sum to the output: through the activation, where there is one. */
function ending(layer, { y, x, k }, z, line) {
  const value = layer.value(y, x, k);
  const { activation, logits, curve: points } = layer.arithmetic;
  if (activation === "softmax") return element("div", {}, equation(...line), softmaxOf(logits, layer.place(y, x), layer.channels[k], value));
  if (activation === "linear") return equation(...line, " = ", labeled("output", value, true));
  const parts = [equation(...line, ` → ${activation} → `, labeled("output", value, true))];
  if (points) parts.push(curve(points, activation, z, value));
  return element("div", {}, ...parts);
}

function softmaxOf(logits, place, channel, value) {
  const count = logits.shape[1];
  const row = logits.values.subarray(place * count, (place + 1) * count);
  const most = Math.max(...row);
  const raised = Float64Array.from(row, (logit) => Math.exp(logit - most));
  const total = sum(raised);
  return equation("e", element("sup", {}, `z − ${number(most)}`), " = ", labeled("raised", raised[channel]), ", divided by the sum over all ",
    `${count.toLocaleString("en")}, `, labeled("sum", total), ", is ", labeled("output", value, true));
}

function softmax(layer, { y, x, k }) {
  const z = layer.window(0, y, x, k).values[0];
  return [equation("z = ", labeled("input", z)), softmaxOf(layer.arithmetic.logits, layer.place(y, x), layer.channels[k], layer.value(y, x, k))];
}

function pooled(layer, { y, x, k }) {
  const { values, inside, kh, kw } = layer.window(0, y, x, k);
  const { reduce } = layer.arithmetic;
  const places = [...values.keys()].filter((place) => inside[place]);
  const best = places.reduce((largest, place) => (values[place] > values[largest] ? place : largest));
  const mark = (place) => (!inside[place] ? "padding" : reduce === "max" && place === best ? "winner" : "");
  const shown = kh * kw <= 64 ? [element("div", { class: "sums" }, grid("input", values, kh, kw, reduce === "max" ? "the window; its largest number is framed" : "the window", mark))] : [];
  const result = labeled("output", layer.value(y, x, k), true);
  if (reduce === "max") return [...shown, equation(`the largest of ${places.length.toLocaleString("en")}: `, result)];
  return [...shown, equation("sum ", labeled("sum", sum(places.map((place) => values[place]))), ` / ${places.length.toLocaleString("en")} = `, result)];
}

function activated(layer, { y, x, k }) {
  const input = layer.window(0, y, x, k).values[0];
  const output = layer.value(y, x, k);
  const { activation, curve: points } = layer.arithmetic;
  return [equation(`${activation}(`, labeled("input", input), ") = ", labeled("output", output, true)), curve(points, activation, input, output)];
}

function normalized(layer, { y, x, k }) {
  const { mean, variance, gamma, beta, epsilon, by } = layer.arithmetic;
  const at = by === "place" ? layer.place(y, x) : k;
  const parts = ["(", labeled("input", layer.window(0, y, x, k).values[0]), " − mean ", labeled("mean", mean.values[at]), ") / √(variance ",
    labeled("variance", variance.values[at]), " + ", labeled("epsilon", epsilon), ")"];
  if (gamma) parts.push(" × factor ", labeled("gamma", gamma.values[k]));
  if (beta) parts.push(" + shift ", labeled("beta", beta.values[k]));
  return [equation(...parts, " = ", labeled("output", layer.value(y, x, k), true))];
}

function scaled(layer, { y, x, k }) {
  const { factor, shift } = layer.arithmetic;
  return [equation(labeled("input", layer.window(0, y, x, k).values[0]), " × ", labeled("factor", factor.values[k]), " + ", labeled("shift", shift.values[k]),
    " = ", labeled("output", layer.value(y, x, k), true))];
}

function sloped(layer, { y, x, k }) {
  const input = layer.window(0, y, x, k).values[0];
  const result = labeled("output", layer.value(y, x, k), true);
  const slope = labeled("slope", layer.of(layer.arithmetic.slope, y, x, k));
  if (input >= 0) return [equation(labeled("input", input), " = ", result, "; below zero it would be multiplied by ", slope)];
  return [equation(labeled("input", input), " × slope ", slope, " = ", result)];
}

function unit(layer, { y, x, k }) {
  return [equation(labeled("input", layer.window(0, y, x, k).values[0]), " / length ", labeled("norm", layer.of(layer.arithmetic.norm, y, x, k)),
    " = ", labeled("output", layer.value(y, x, k), true))];
}

function merged(layer, { y, x, k }) {
  const signs = { add: " + ", subtract: " − ", multiply: " × ", divide: " / " };
  const inputs = layer.readings.map((_, r) => labeled("input", layer.window(r, y, x, k).values[0]));
  const between = signs[layer.arithmetic.reduce] ?? ", ";
  const line = inputs.flatMap((value, i) => (i ? [between, value] : [value]));
  const name = signs[layer.arithmetic.reduce] ? [] : [`the ${layer.arithmetic.reduce} of `];
  return [equation(...name, ...line, " = ", labeled("output", layer.value(y, x, k), true))];
}

function moved(layer, { y, x, k }) {
  const output = labeled("output", layer.value(y, x, k), true);
  const origin = sourceOf(layer, y, x, k);
  if (!origin) return [equation("padding: ", output)];
  const { index, row, column, channel } = origin;
  const [, width, depth] = layer.readings[index].cells;
  const from = element("span", { "data-what": "source", "data-input": index, "data-row": row, "data-column": column, "data-channel": channel },
    `row ${row}, column ${column}, channel ${channel}`);
  const parts = [equation("copied from ", from, ` of ${layer.data.from[index]}: `, output)];
  if (layer.data.kind === "Flatten" && layer.height * layer.width === 1) {
    parts.push(equation(`(${row} × ${width} + ${column}) × ${depth} + ${channel} = position ${layer.channels[k]} of the row`));
  }
  return parts;
}

function off(layer, { y, x, k }) {
  const parts = [equation(labeled("input", layer.window(0, y, x, k).values[0]), " = ", labeled("output", layer.value(y, x, k), true))];
  return layer.arithmetic.drawing ? [...parts, ...dropoutDrawing(layer, k)] : parts;
}

function attention(layer, { y, x, k }) {
  const { weights } = layer.arithmetic;
  const [, heads, count] = weights.shape;
  const place = layer.rows.indexOf(y);
  const of = (head) => weights.values.subarray((place * heads + head) * count, (place * heads + head + 1) * count);
  const rows = Array.from({ length: heads }, (_, head) => {
    const best = bySize(of(head)).slice(0, 4);
    const cells = best.map((token) => element("span", {}, `token ${token}: `, labeled("weight", of(head)[token]), " "));
    cells.forEach((cell, i) => Object.assign(cell.lastElementChild.dataset, { head, token: best[i] }));
    return [`head ${head}`, element("span", {}, ...cells), labeled("sum", sum([...of(head)]))];
  });
  return [
    attentionMaps(Array.from({ length: heads }, (_, head) => of(head)), layer.data.grids.at(-1)),
    table(`What token ${y} attends to`, ["", "largest weights", "sum of weights"], rows),
    equation("after mixing: ", labeled("output", layer.value(y, x, k), true)),
  ];
}

/** Each head's weights as a map of the picture, where tokens are places of it. */
function attentionMaps(heads, grid) {
  if (!grid) return element("div");
  const [height, width, before] = grid;
  return element("div", { class: "between" }, ...heads.map((weights, head) => {
    const caption = `head ${head}; color scale: 0 to ${number(Math.max(...weights))}`;
    const canvas = element("canvas", { role: "img", "aria-label": caption, style: "cursor: default" });
    drawMap(canvas, weights.subarray(before), height, width, Math.max(...weights));
    return element("figure", { style: "width: 7rem" }, element("div", { class: "map" }, canvas), element("figcaption", {}, caption));
  }));
}

function other(layer, { y, x, k }) {
  return [equation("output: ", labeled("output", layer.value(y, x, k), true))];
}

const source = (layer) => layer.data.from[0];

export const formulas = { weighted, pooled, activated, softmax, normalized, scaled, sloped, unit, merged, moved, off, attention, other };
