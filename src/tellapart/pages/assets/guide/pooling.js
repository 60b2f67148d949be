/** Pooling: a window and its maximum, what a shift and a bright pixel become, and the receptive field. */

import { chart, percent } from "charts";
import { begin, byId, facts, frame, slider } from "lesson";
import { drawMap, drawPicture, element, reach } from "maps";
import { grid, sum, labeled } from "arithmetic";
import { color, drawInTheme } from "theme";

const at = { row: 0, column: 0, right: 0, light: 255, times: 1, layer: 1 };
const MAP = { values: facts.maps[0], side: facts.map_side };
const chosen = () => ({ kind: byId("kind").value, size: Number(byId("size").value), step: Number(byId("step").value) });

/** The numbers under one window, row by row. */
function windowOf({ values, side }, { size, step }, row, column) {
  return Array.from({ length: size * size }, (_, i) => values[(row * step + Math.floor(i / size)) * side + column * step + (i % size)]);
}

/** Pool a map; windows that would reach over its edge are dropped. */
export function pool(map, how) {
  const side = Math.floor((map.side - how.size) / how.step) + 1;
  const values = Array.from({ length: side * side }, (_, i) => {
    const numbers = windowOf(map, how, Math.floor(i / side), i % side);
    return how.kind === "max" ? Math.max(...numbers) : sum(numbers) / numbers.length;
  });
  return { values, side };
}

const HALF = { kind: "max", size: 2, step: 2 };

function pooledOften(map, times, how) {
  return times ? pooledOften(pool(map, how), times - 1, how) : map;
}

function drawWindow() {
  const how = chosen(), made = pool(MAP, how), most = reach(MAP.values);
  at.row = Math.min(at.row, made.side - 1);
  at.column = Math.min(at.column, made.side - 1);
  const numbers = windowOf(MAP, how, at.row, at.column), largest = Math.max(...numbers), winner = numbers.indexOf(largest);
  drawMap(byId("made"), MAP.values, MAP.side, MAP.side, most);
  drawMap(byId("pooled"), made.values, made.side, made.side, most);
  frame(byId("made-window"), MAP.side, at.row * how.step, at.column * how.step, how.size);
  frame(byId("made-winner"), MAP.side, at.row * how.step + Math.floor(winner / how.size), at.column * how.step + (winner % how.size));
  frame(byId("pooled-place"), made.side, at.row, at.column);
  const isMax = how.kind === "max";
  for (const id of ["made-winner", "winner-says"]) byId(id).hidden = !isMax;
  byId("pooled-says").textContent = `the pooled map, ${made.side} × ${made.side}`;
  byId("sums").replaceChildren(
    grid("input", numbers, how.size, how.size, "under the window", (place) => (isMax && numbers[place] === largest ? "winner" : "")),
    element("span", { role: "status" }, ...(isMax ? ["maximum "] : ["mean: ", labeled("sum", sum(numbers)), ` / ${numbers.length} = `]), labeled("pooled", made.values[at.row * made.side + at.column], true)));
}

/** Let the sliders reach as far as the pooled map. */
function resize() {
  const { side } = pool(MAP, chosen());
  for (const id of ["row", "column"]) {
    byId(id).max = side - 1;
    byId(id).dispatchEvent(new Event("input"));
  }
}

function follow(event) {
  const box = byId("made").getBoundingClientRect(), { step } = chosen();
  byId("row").value = Math.floor((((event.clientY - box.top) / box.height) * MAP.side) / step);
  byId("column").value = Math.floor((((event.clientX - box.left) / box.width) * MAP.side) / step);
  for (const id of ["row", "column"]) byId(id).dispatchEvent(new Event("input"));
}

function drawShift() {
  drawPicture(byId("shift-picture"), facts.pictures[at.right], facts.side, facts.side, 1);
  for (const [name, times] of [["none", 0], ["once", 1]]) {
    const [still, moved] = [facts.maps[0], facts.maps[at.right]].map((values) => pooledOften({ values, side: MAP.side }, times, HALF));
    const most = reach(still.values);
    drawMap(byId(`shift-${name}`), moved.values, moved.side, moved.side, most);
    drawMap(byId(`shift-${name}-change`), moved.values.map((one, i) => one - still.values[i]), moved.side, moved.side, most);
  }
  drawDifferences();
  const [none, once, twice] = ["none", "once", "twice"].map((name) => percent(facts.differences[name][at.right], 0));
  byId("shift-says").textContent = at.right
    ? `Moving the picture by ${at.right === 1 ? "one pixel" : `${at.right} pixels`} changes the map by ${none}, the pooled map by ${once}, and the twice-pooled map by ${twice}.`
    : "Not moved, so nothing changes.";
}

const drawDifferences = chart(byId("differences"), "How much a shift by 0 to 4 pixels changes the map, the pooled map and the twice-pooled map: less with more pooling, and more with a larger shift.", (width) => {
  const lines = ["none", "once", "twice"].map((name) => facts.differences[name].map((share, pixels) => ({ pixels, share })));
  return {
    height: Math.max(200, Math.round(width * 0.38)),
    x: { label: "pixels to the right", ticks: facts.pictures.length, tickFormat: "d" }, y: { label: "difference", tickFormat: "%", grid: true, domain: [0, 1], ticks: 5 },
    marks: [
      Plot.ruleX([at.right], { stroke: "#d6006c", strokeOpacity: 0.6 }),
      ...lines.flatMap((points, i) => ["--series-2", "--series-1", "--series-3"].slice(i, i + 1).flatMap((name) => [
        Plot.lineY(points, { x: "pixels", y: "share", stroke: color(name), strokeWidth: 2.5 }),
        Plot.dot([points[at.right]], { x: "pixels", y: "share", r: 5, fill: color(name), stroke: color("--raised"), strokeWidth: 1.5 }),
      ])),
    ],
  };
});

function drawNoise() {
  const [row, column] = facts.noisy;
  const picture = { values: facts.pictures[0].with(row * facts.side + column, at.light), side: facts.side };
  const [max, average] = ["max", "average"].map((kind) => {
    const made = pooledOften(picture, at.times, { ...HALF, kind }), shrunk = 2 ** at.times;
    const [i, j] = [Math.floor(row / shrunk), Math.floor(column / shrunk)];
    drawPicture(byId(`noisy-${kind}`), made.values, made.side, made.side, 1);
    frame(byId(`noisy-${kind}-place`), made.side, i, j);
    return { side: made.side, value: made.values[i * made.side + j] };
  });
  byId("noise-says").replaceChildren(`The framed number, one of ${max.side} × ${max.side}, is `, labeled("max", max.value, true),
    " with max pooling and ", labeled("average", average.value, true), " with average pooling.");
}

function drawView() {
  const isPooled = byId("with").checked, layers = facts.views[isPooled ? "with" : "without"], layer = layers[at.layer - 1];
  drawPicture(byId("photo"), facts.color, 32, 32, 3);
  frame(byId("photo-view"), 32, layer.first, layer.first, layer.size);
  const which = layers.slice(0, at.layer).filter(({ kind }) => kind === layer.kind).length;
  const isSkipped = layer.kind === "pooling" && !isPooled;
  byId("view-says").textContent = `${layer.kind === "pooling" ? "Pooling" : "Convolution"} ${which}${isSkipped ? ", skipped" : ""}: ${layer.shape.join(" × ")} = ${layer.numbers.toLocaleString("en")} numbers. The one in the middle of each map depends on ${layer.size} × ${layer.size} pixels.`;
  return `${layer.kind} ${which}`;
}

for (const name of ["row", "column"]) slider(name, (value) => ((at[name] = value), drawWindow(), String(value)));
for (const id of ["kind", "size", "step"]) byId(id).addEventListener("input", resize);
byId("made").addEventListener("pointerdown", follow);
byId("made").addEventListener("pointermove", (event) => event.pointerType === "mouse" && follow(event));
slider("right", (value) => ((at.right = value), drawShift(), String(value)));
slider("light", (value) => ((at.light = value), drawNoise(), String(value)));
slider("times", (value) => ((at.times = value), drawNoise(), String(value)));
byId("with").addEventListener("input", slider("layer", (value) => ((at.layer = value), drawView())));
for (const draw of [drawWindow, drawShift]) drawInTheme(draw);
begin();
