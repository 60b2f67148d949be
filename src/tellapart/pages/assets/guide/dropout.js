/** Dropout: recorded training runs by epoch, and a layer's activations to drop. */

import { chart, percent } from "charts";
import { begin, byId, facts, slider } from "lesson";
import { colorOf, element, fixed, inkOn } from "maps";
import { sum, labeled } from "arithmetic";
import { color, drawInTheme } from "theme";

const SIDE = Math.sqrt(facts.activations.length), MOST = Math.max(...facts.activations);
const SPLITS = [["train", "--series-2"], ["test", "--series-1"]];
const at = { place: 0, rate: 0.25, draw: 1, draws: 1 };

// The training runs.

const mean = (values) => sum(values) / values.length;
const epochOf = (place) => facts.every * (place + 1);
const isAccuracy = () => byId("measure").value === "accuracy";
const recorded = (split, measure = byId("measure").value) => facts.curves[byId("trained").value].map((one) => one[`${split}_${measure}`]);
const means = (rows) => rows[0].map((_, place) => mean(rows.map((row) => row[place])));
const points = (row) => row.map((y, place) => ({ x: epochOf(place), y }));

const drawTrainings = chart(byId("trainings"), "Ten training runs by epoch, on training and test digits; the bold lines are their means.", (width) => ({
  height: Math.max(230, Math.round(width * 0.5)),
  x: { label: "epoch", domain: [0, facts.epochs] },
  y: isAccuracy() ? { label: "accuracy", domain: [0.7, 1], tickFormat: "%", grid: true } : { label: "loss", domain: [0, 0.9], grid: true },
  marks: [
    Plot.ruleX([epochOf(at.place)], { stroke: "#d6006c", strokeOpacity: 0.6 }),
    ...SPLITS.flatMap(([split, name]) => recorded(split).map((row) =>
      Plot.lineY(points(row), { x: "x", y: "y", stroke: color(name), strokeWidth: 1, strokeOpacity: 0.35, clip: true }))),
    ...SPLITS.flatMap(([split, name]) => {
      const middle = points(means(recorded(split)));
      return [
        Plot.lineY(middle, { x: "x", y: "y", stroke: color(name), strokeWidth: 3, clip: true }),
        Plot.dot([middle[at.place]], { clip: true, x: "x", y: "y", r: 5, fill: color(name), stroke: color("--raised"), strokeWidth: 1.5 }),
      ];
    }),
  ],
}));

function sayTrainings() {
  drawTrainings();
  const here = (split, measure) => means(recorded(split, measure))[at.place];
  const part = (split) => [labeled(`${split}-accuracy`, here(split, "accuracy")), percent(here(split, "accuracy")), labeled(`${split}-loss`, here(split, "loss"))];
  const [train, test] = ["train", "test"].map(part);
  byId("trainings-say").replaceChildren(
    `After epoch ${epochOf(at.place)}, on average: training accuracy `, asPercent(train), ", loss ", train[2],
    "; test accuracy ", asPercent(test), ", loss ", test[2], ".");
}

/** Write a labeled share as a percentage. */
function asPercent([share, text]) {
  share.textContent = text;
  return share;
}

// The activations.

/** Pseudorandom numbers from 0 to 1, the same for the same seed: mulberry32, Tommy Ettinger 2017. */
export function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const isTraining = () => byId("mode").value === "training";

/** The next layer's input in a draw, and which activations were dropped. */
function passed(draw) {
  if (!isTraining()) return facts.activations.map((value) => ({ value, dropped: false }));
  const next = random(draw);
  return facts.activations.map((value) => {
    const dropped = next() < at.rate;
    return { value: dropped ? 0 : value / (1 - at.rate), dropped };
  });
}

function drawGrid() {
  const cells = passed(at.draw).map(({ value, dropped }, place) => {
    const shade = colorOf(value / (2 * MOST));
    const look = dropped ? {} : { style: `background: rgb(${shade}); color: ${inkOn(shade)}` };
    return element("td", { "data-what": "passed", "data-value": value, "data-place": place, class: dropped ? "dropped" : "", ...look }, dropped ? "×" : value ? fixed(value, 2) : "0");
  });
  const rows = Array.from({ length: SIDE }, (_, i) => element("tr", {}, ...cells.slice(i * SIDE, (i + 1) * SIDE)));
  byId("grid").tBodies[0].replaceChildren(...rows);
}

function sayDraw() {
  drawGrid();
  const now = passed(at.draw), values = (all) => mean(all.map(({ value }) => value));
  const lines = [element("span", {}, "Their mean is ", labeled("before", mean(facts.activations)), " before Dropout and ", labeled("after", values(now), true), " after it.")];
  if (isTraining()) {
    const long = mean(Array.from({ length: at.draws }, (_, i) => values(passed(i + 1))));
    const count = now.filter(({ dropped }) => dropped).length;
    lines.unshift(element("span", {}, `Draw ${at.draw}: ${count} of ${now.length} dropped, the others multiplied by `, labeled("factor", 1 / (1 - at.rate)), ". "));
    if (at.draws > 1) lines.push(element("span", {}, ` Averaged over ${at.draws.toLocaleString("en")} draws, it is `, labeled("long", long, true), "."));
  } else lines.unshift(element("span", {}, "Nothing is dropped or scaled. "));
  byId("grid-says").replaceChildren(...lines);
  for (const id of ["again", "many"]) byId(id).disabled = !isTraining();
}

function drawMore(count) {
  at.draws += count;
  at.draw = at.draws;
  sayDraw();
}

slider("epoch", (value) => ((at.place = value / facts.every - 1), sayTrainings(), String(value)));
for (const id of ["measure", "trained"]) byId(id).addEventListener("input", sayTrainings);
slider("rate", (value) => ((at.rate = value), sayDraw(), fixed(value, 2)));
byId("mode").addEventListener("input", sayDraw);
byId("again").addEventListener("click", () => drawMore(1));
byId("many").addEventListener("click", () => drawMore(1000));
drawInTheme(drawGrid);
begin();
