/** Layer by layer: the reader chooses a layer, then one of its output numbers, and sees how it is computed. */

import { channelOf, Layer, sourceOf, Tensors } from "numbers";
import { drawMap, element, number, reach } from "maps";
import { drawInTheme } from "theme";
import { formulas } from "layer_arithmetic";

const THUMBS = 32;
const by = (id) => document.getElementById(id);

export async function begin(data) {
  const tensors = new Tensors(data.tensors);
  const layers = data.layers.map((layer) => (layer.cells ? new Layer(layer) : null));
  const state = { index: 0, y: 0, x: 0, k: 0 };
  const cards = [...document.querySelectorAll("#flow button")];
  for (const [index, layer] of layers.entries()) {
    if (!layer) continue;
    await layer.load(tensors);
    layer.best = layer.strongest();
    drawInTheme(() => drawThumb(cards[index].querySelector("canvas"), layer, layer.best[2]));
  }
  const show = () => layers[state.index] && render(layers[state.index], state, choose);
  const choose = (y, x, k) => {
    Object.assign(state, { y, x, k });
    show();
  };
  const go = (index) => {
    if (index < 0 || index >= layers.length) return;
    state.index = index;
    cards.forEach((card, i) => {
      card.setAttribute("aria-pressed", String(i === state.index));
      card.tabIndex = i === state.index ? 0 : -1;
    });
    const card = cards[state.index];
    card.parentElement.scrollLeft = card.offsetLeft - card.parentElement.clientWidth / 2 + card.clientWidth / 2 - card.parentElement.offsetLeft;
    by("layer-before").setAttribute("aria-disabled", String(state.index === 0)); // not disabled: that would lose the focus
    by("layer-after").setAttribute("aria-disabled", String(state.index === layers.length - 1));
    introduce(data.layers[state.index], layers[state.index]);
    if (layers[state.index]) choose(...layers[state.index].best);
  };
  listen(cards, layers, state, go, choose);
  by("layer").hidden = false;
  const first = data.layers.findIndex((layer) => layer.arithmetic?.kind === "weighted");
  go(Math.max(0, first));
  drawInTheme(show);
}

function listen(cards, layers, state, go, choose) {
  cards.forEach((card, index) => card.addEventListener("click", () => go(index)));
  by("flow").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    go(state.index + step);
    cards[state.index].focus();
  });
  by("layer-before").addEventListener("click", () => go(state.index - 1));
  by("layer-after").addEventListener("click", () => go(state.index + 1));
  by("layer-channel").addEventListener("change", (event) => choose(state.y, state.x, Number(event.target.value)));
  by("layer-row").addEventListener("change", (event) => choose(Number(event.target.value), state.x, state.k));
  by("layer-column").addEventListener("change", (event) => choose(state.y, Number(event.target.value), state.k));
}

/** Show what does not depend on the chosen number: names, shapes, choices. */
function introduce(data, layer) {
  by("layer-name").textContent = data.name;
  by("layer-kind").textContent = data.kind;
  by("layer-description").textContent = layer ? data.arithmetic.description : "The output of this layer is neither maps nor a row of numbers, so it is not shown.";
  const shape = (lengths) => lengths.join(" × ");
  const parameters = data.parameters ? `${data.parameters.toLocaleString("en")} parameters.` : "No parameters.";
  by("layer-shape").textContent = `Input: ${[...new Set(data.from)].join(" and ")}, ${data.input_shapes.map(shape).join(" and ")}. Output: ${shape(data.output_shape)}. ${parameters}`;
  for (const id of ["layer-maps", "layer-thumbs", "arithmetic"]) by(id).replaceChildren();
  for (const id of ["layer-channel", "layer-row", "layer-column"]) by(id).closest("label").hidden = !layer;
  if (!layer) return announce(`${data.name}, ${data.kind}: not shown`);
  const isRow = layer.height * layer.width === 1;
  by("layer-channel-word").textContent = isRow ? "unit" : "channel";
  by("layer-row-word").textContent = data.output_shape.length === 2 ? "token" : "row";
  by("layer-row-label").hidden = isRow;
  by("layer-column-label").hidden = layer.width === 1;
  options("layer-channel", layer.channels.map((channel, k) => [k, channel]));
  options("layer-row", layer.rows.map((row) => [row, row]));
  options("layer-column", layer.columns.map((column) => [column, column]));
}

function options(id, pairs) {
  by(id).replaceChildren(...pairs.map(([value, text]) => element("option", { value }, String(text))));
}

/** Show what depends on the chosen number: maps with its place marked, and its arithmetic. */
function render(layer, { y, x, k }, choose) {
  by("layer-channel").value = k;
  by("layer-row").value = y;
  by("layer-column").value = x;
  const figures = [input(layer, y, x, k), output(layer, y, x, k, choose)].filter(Boolean);
  by("layer-maps").replaceChildren(...figures);
  by("layer-thumbs").replaceChildren(...thumbs(layer, y, x, k, choose));
  by("arithmetic").replaceChildren(...formulas[layer.arithmetic.kind](layer, { y, x, k }));
  announceNumber(layer, y, x, k);
}

/** Announce to screen readers which number is chosen, and its value. */
function announceNumber(layer, y, x, k) {
  const { name, kind, output_shape: shape } = layer.data;
  const isRow = layer.height * layer.width === 1;
  const place = isRow ? "" : `, ${shape.length === 2 ? "token" : "row"} ${y}${layer.width === 1 ? "" : `, column ${x}`}`;
  announce(`${name}, ${kind}${place}, ${isRow ? "unit" : "channel"} ${layer.channels[k]}: ${number(layer.value(y, x, k))}`);
}

function announce(text) {
  if (by("layer-live").textContent !== text) by("layer-live").textContent = text;
}

function output(layer, y, x, k, choose) {
  if (layer.height * layer.width === 1) return null;
  const shape = arrangement(layer.data.grid, layer.height, layer.width);
  const map = layer.output ? shape.lay(layer.map(k)) : layer.map(k);
  const most = reach(map.values);
  const figure = mapWith(map, most, `output: channel ${layer.channels[k]}; color scale: ±${number(most)}`);
  const place = shape.at(y, x);
  if (place) mark(figure, place[0] / shape.height, place[1] / shape.width, 1 / shape.height, 1 / shape.width);
  figure.querySelector("canvas").addEventListener("pointerdown", (event) => {
    const box = event.target.getBoundingClientRect();
    const row = ((event.clientY - box.top) / box.height) * shape.height - 0.5;
    const column = ((event.clientX - box.left) / box.width) * shape.width - 0.5;
    const [atY, atX] = shape.back(row, column);
    choose(nearest(layer.rows, atY), nearest(layer.columns, atX), k);
  });
  return figure;
}

/** The input's map, with the window that the chosen number reads. */
function input(layer, y, x, k) {
  const { index, read, channel } = origin(layer, y, x, k) ?? {};
  const reading = layer.readings[index];
  if (!reading?.whole || reading.cells[0] * reading.cells[1] === 1) return null;
  const shape = arrangement(layer.data.grids[index], reading.cells[0], reading.cells[1]);
  const map = shape.lay(channelOf(reading.whole, channel));
  const most = reach(map.values);
  const figure = mapWith(map, most, `input: ${layer.data.from[index]}, channel ${channel}; color scale: ±${number(most)}`);
  const [first, last] = (corners(read) ?? []).map((place) => shape.at(...place));
  if (!first || !last) return figure;
  const clip = (value, length) => Math.max(0, Math.min(length, value));
  const [top, left] = [clip(first[0], shape.height), clip(first[1], shape.width)];
  const [bottom, right] = [clip(last[0] + 1, shape.height), clip(last[1] + 1, shape.width)];
  mark(figure, top / shape.height, left / shape.width, (bottom - top) / shape.height, (right - left) / shape.width);
  return figure;
}

/** The first and the last place that is read; positions between places, of a transposed convolution, do not count. */
function corners(read) {
  const places = read.filter((place) => place.every(Number.isInteger));
  if (!places.length) return null;
  const ends = [0, 1].map((axis) => places.map((place) => place[axis]).sort((a, b) => a - b));
  return [0, -1].map((end) => ends.map((all) => all.at(end)));
}

/** Which input, and which places and channel of it, a number depends on most. */
function origin(layer, y, x, k) {
  if (!layer.readings.length) return null;
  if (layer.arithmetic.sources) {
    const source = sourceOf(layer, y, x, k);
    return source && { index: source.index, read: [[source.row, source.column]], channel: source.channel };
  }
  const read = layer.window(0, y, x, k);
  return { index: 0, read: read.places, channel: read.reads === 1 ? read.first : loudest(layer, read, k) };
}

/** The input channel whose products have the largest sum. */
function loudest(layer, read, k) {
  const kernel = layer.arithmetic.kernel?.values;
  if (!kernel) return read.first;
  const size = read.values.length, sums = new Float64Array(read.reads);
  read.values.forEach((value, i) => (sums[i % read.reads] += value * kernel[k * size + i]));
  return read.first + sums.reduce((best, sum, c) => (Math.abs(sum) > Math.abs(sums[best]) ? c : best), 0);
}

function mapWith(map, most, caption) {
  const canvas = element("canvas", { role: "img", "aria-label": caption });
  drawMap(canvas, map.values, map.height, map.width, most);
  return element("figure", {}, element("div", { class: "map" }, canvas), element("figcaption", {}, caption));
}

function mark(figure, top, left, height, width) {
  const share = (value) => `${(100 * value).toFixed(3)}%`;
  figure.querySelector(".map").append(element("i", { style: `top: ${share(top)}; left: ${share(left)}; height: ${share(height)}; width: ${share(width)}` }));
}

function thumbs(layer, y, x, k, choose) {
  if (layer.height * layer.width === 1 || layer.channels.length === 1) return [];
  const order = [...new Set([k, ...layer.channels.keys()])].slice(0, THUMBS).sort((a, b) => a - b);
  return order.map((place) => {
    const canvas = element("canvas", { class: place === k ? "chosen" : "", title: `channel ${layer.channels[place]}` });
    drawThumb(canvas, layer, place);
    canvas.addEventListener("click", () => choose(y, x, place));
    return canvas;
  });
}

function drawThumb(canvas, layer, k) {
  if (layer.height * layer.width > 1) {
    const map = layer.output ? arrangement(layer.data.grid, layer.height, layer.width).lay(layer.map(k)) : layer.map(k);
    return drawMap(canvas, map.values, map.height, map.width);
  }
  const values = layer.channels.map((_, unit) => layer.value(0, 0, unit)); // a row of units, in lines
  const width = Math.ceil(Math.sqrt(values.length));
  while (values.length % width) values.push(0);
  drawMap(canvas, values, values.length / width, width);
}

/** How places are arranged on a map: tokens that are places of the picture as there, other tokens in a line. */
function arrangement(grid, height, width) {
  if (!grid && width === 1 && height > 1) {
    return { height: 1, width: height, lay: (map) => ({ ...map, height: 1, width: height }), at: (y) => [0, y], back: (_, x) => [Math.round(x), 0] };
  }
  if (!grid) return { height, width, lay: (map) => map, at: (y, x) => [y, x], back: (y, x) => [y, x] };
  const [high, wide, before] = grid;
  const within = (value, length) => Math.max(0, Math.min(length - 1, Math.round(value)));
  return {
    height: high,
    width: wide,
    lay: (map) => ({ values: map.values.subarray(before), height: high, width: wide }),
    at: (y) => (y < before ? null : [Math.floor((y - before) / wide), (y - before) % wide]),
    back: (y, x) => [within(y, high) * wide + within(x, wide) + before, 0],
  };
}

function nearest(places, wanted) {
  return places.reduce((best, place) => (Math.abs(place - wanted) < Math.abs(best - wanted) ? place : best));
}
