/** Every layer: one is chosen, then one of its numbers, and how that was made is written out. */

import { channelOf, Layer, sourceOf, Tensors } from "numbers";
import { drawMap, element, number, reach } from "maps";
import { drawInTheme } from "theme";
import { formulas } from "layer_arithmetic";

const THUMBS = 32;
const by = (id) => document.getElementById(id);

export async function begin(told) {
  const tensors = new Tensors(told.tensors);
  const layers = told.layers.map((one) => (one.cells ? new Layer(one) : null));
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
    introduce(told.layers[state.index], layers[state.index]);
    if (layers[state.index]) choose(...layers[state.index].best);
  };
  listen(cards, layers, state, go, choose);
  by("layer").hidden = false;
  const first = told.layers.findIndex((one) => one.working?.kind === "weighted");
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

/** What does not change with the chosen number: names, shapes, choices. */
function introduce(told, layer) {
  by("layer-name").textContent = told.name;
  by("layer-kind").textContent = told.kind;
  by("layer-says").textContent = layer ? told.working.says : "What this layer gives is neither maps nor a row of numbers, so it is not shown.";
  const shape = (one) => one.join(" × ");
  const parameters = told.parameters ? ` ${told.parameters.toLocaleString("en")} parameters.` : " No parameters.";
  by("layer-shape").textContent = `From ${[...new Set(told.from)].join(" and ")}: ${told.takes.map(shape).join(" and ")} → ${shape(told.gives)}.${parameters}`;
  for (const id of ["layer-maps", "layer-thumbs", "working"]) by(id).replaceChildren();
  for (const id of ["layer-channel", "layer-row", "layer-column"]) by(id).closest("label").hidden = !layer;
  if (!layer) return say(`${told.name}, ${told.kind}: not shown`);
  const isRow = layer.height * layer.width === 1;
  by("layer-channel-word").textContent = isRow ? "unit" : "channel";
  by("layer-row-word").textContent = told.gives.length === 2 ? "token" : "row";
  by("layer-row-label").hidden = isRow;
  by("layer-column-label").hidden = layer.width === 1;
  options("layer-channel", layer.channels.map((channel, k) => [k, channel]));
  options("layer-row", layer.rows.map((row) => [row, row]));
  options("layer-column", layer.columns.map((column) => [column, column]));
}

function options(id, pairs) {
  by(id).replaceChildren(...pairs.map(([value, text]) => element("option", { value }, String(text))));
}

/** What does: maps with the place marked, and the working. */
function render(layer, { y, x, k }, choose) {
  by("layer-channel").value = k;
  by("layer-row").value = y;
  by("layer-column").value = x;
  const figures = [input(layer, y, x, k), output(layer, y, x, k, choose)].filter(Boolean);
  by("layer-maps").replaceChildren(...figures);
  by("layer-thumbs").replaceChildren(...thumbs(layer, y, x, k, choose));
  by("working").replaceChildren(...formulas[layer.told.working.kind](layer, { y, x, k }));
  tell(layer, y, x, k);
}

/** In a sentence, for who hears the page: which number is chosen, and what it is. */
function tell(layer, y, x, k) {
  const { name, kind, gives } = layer.told;
  const isRow = layer.height * layer.width === 1;
  const place = isRow ? "" : `, ${gives.length === 2 ? "token" : "row"} ${y}${layer.width === 1 ? "" : `, column ${x}`}`;
  say(`${name}, ${kind}${place}, ${isRow ? "unit" : "channel"} ${layer.channels[k]}: ${number(layer.value(y, x, k))}`);
}

function say(words) {
  if (by("layer-live").textContent !== words) by("layer-live").textContent = words;
}

function output(layer, y, x, k, choose) {
  if (layer.height * layer.width === 1) return null;
  const shape = arrangement(layer.told.grid, layer.height, layer.width);
  const map = layer.output ? shape.lay(layer.map(k)) : layer.map(k);
  const most = reach(map.values);
  const figure = mapWith(map, most, `what comes out: channel ${layer.channels[k]}; full color is ${number(most)}`);
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

/** The input's map, with the window that is read. */
function input(layer, y, x, k) {
  const { index, read, channel } = origin(layer, y, x, k) ?? {};
  const one = layer.readings[index];
  if (!one?.whole || one.cells[0] * one.cells[1] === 1) return null;
  const shape = arrangement(layer.told.grids[index], one.cells[0], one.cells[1]);
  const map = shape.lay(channelOf(one.whole, channel));
  const most = reach(map.values);
  const figure = mapWith(map, most, `what goes in: ${layer.told.from[index]}, channel ${channel}; full color is ${number(most)}`);
  const [first, last] = (corners(read) ?? []).map((place) => shape.at(...place));
  if (!first || !last) return figure;
  const clip = (value, length) => Math.max(0, Math.min(length, value));
  const [top, left] = [clip(first[0], shape.height), clip(first[1], shape.width)];
  const [bottom, right] = [clip(last[0] + 1, shape.height), clip(last[1] + 1, shape.width)];
  mark(figure, top / shape.height, left / shape.width, (bottom - top) / shape.height, (right - left) / shape.width);
  return figure;
}

/** The first and the last of the places that are read; between places, as a transposed convolution has them, is none. */
function corners(read) {
  const places = read.filter((place) => place.every(Number.isInteger));
  if (!places.length) return null;
  const ends = [0, 1].map((axis) => places.map((place) => place[axis]).sort((a, b) => a - b));
  return [0, -1].map((end) => ends.map((all) => all.at(end)));
}

/** Which input, which of its places and which of its channels a number comes from most. */
function origin(layer, y, x, k) {
  if (!layer.readings.length) return null;
  if (layer.working.sources) {
    const found = sourceOf(layer, y, x, k);
    return found && { index: found.index, read: [[found.row, found.column]], channel: found.channel };
  }
  const read = layer.window(0, y, x, k);
  return { index: 0, read: read.places, channel: read.reads === 1 ? read.first : loudest(layer, read, k) };
}

/** The input channel whose products weigh most. */
function loudest(layer, read, k) {
  const kernel = layer.working.kernel?.values;
  if (!kernel) return read.first;
  const size = read.values.length, sums = new Float64Array(read.reads);
  read.values.forEach((value, i) => (sums[i % read.reads] += value * kernel[k * size + i]));
  return read.first + sums.reduce((best, one, c) => (Math.abs(one) > Math.abs(sums[best]) ? c : best), 0);
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
  return order.map((one) => {
    const canvas = element("canvas", { class: one === k ? "chosen" : "", title: `channel ${layer.channels[one]}` });
    drawThumb(canvas, layer, one);
    canvas.addEventListener("click", () => choose(y, x, one));
    return canvas;
  });
}

function drawThumb(canvas, layer, k) {
  if (layer.height * layer.width > 1) {
    const map = layer.output ? arrangement(layer.told.grid, layer.height, layer.width).lay(layer.map(k)) : layer.map(k);
    return drawMap(canvas, map.values, map.height, map.width);
  }
  const values = layer.channels.map((_, one) => layer.value(0, 0, one)); // a row of units, in lines
  const width = Math.ceil(Math.sqrt(values.length));
  while (values.length % width) values.push(0);
  drawMap(canvas, values, values.length / width, width);
}

/** How places lie on a map: tokens that are places of the picture as they lie there, other tokens in a line. */
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
  return places.reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best));
}
