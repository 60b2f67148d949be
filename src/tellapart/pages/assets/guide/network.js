/** A network of three neurons at every few steps of its training, and its prediction for a picture of two pixels. */

import { chart } from "charts";
import { byId, facts, slider, labeled } from "lesson";
import { drawPicture } from "maps";
import { equation } from "arithmetic";
import { plane } from "plane";
import { color } from "theme";

const AXES = ["left pixel", "right pixel"];
const pair = { x: 0.15, y: 0.85 };

const looks = () => facts.trainings[byId("beginning").value];
const at = () => Number(byId("step").value);
const look = () => looks()[at()];

/** What the network with these nine numbers computes from two pixels, neuron by neuron. */
function computed([a, b, c, d, e, f, g, h, i], x, y) {
  const sums = [a * x + c * y + e, b * x + d * y + f];
  const hidden = sums.map((one) => Math.max(0, one));
  const sum = g * hidden[0] + h * hidden[1] + i;
  return { sums, hidden, sum, answer: 1 / (1 + Math.exp(-sum)) };
}

const now = (x, y) => computed(look().weights, x, y);

function points() {
  return facts.pairs.map(([x, y], i) => ({ x, y, is: facts.edges[i], wrong: Number(now(x, y).answer > 0.5) !== facts.edges[i] }));
}

/** A hidden neuron's largest output on the plane, which it has at a corner. */
const most = (i) => Math.max(1e-3, ...[[0, 0], [0, 1], [1, 0], [1, 1]].map(([x, y]) => now(x, y).hidden[i]));

const drawings = [
  ...[0, 1].map((i) => plane(byId(`hidden-${i + 1}`), `The ${["first", "second"][i]} neuron's output for every pair of pixels.`, () => ({
    made: (x, y) => now(x, y).hidden[i], sum: (x, y) => now(x, y).sums[i], most: most(i), axes: AXES, chosen: pair,
  }))),
  plane(byId("last"), "The third neuron's output for every pair of pixels, and the training pairs.", () => ({
    made: (x, y) => now(x, y).answer, sum: (x, y) => now(x, y).sum, most: 1, axes: AXES, points: points(), chosen: pair,
  })),
  chart(byId("mistakes"), "Wrong pairs by training step.", () => ({
    height: 200,
    x: { label: "training step" },
    y: { label: "wrong", domain: [0, facts.pairs.length], grid: true },
    marks: [
      Plot.line(looks(), { x: (_, i) => i * facts.between, y: "mistakes", stroke: color("--series-1"), strokeWidth: 2 }),
      Plot.dot([look()], { x: () => at() * facts.between, y: "mistakes", r: 6, fill: color("--series-1") }),
    ],
  })),
];

function show() {
  for (const draw of drawings) draw();
  drawPicture(byId("pair"), [255 * pair.x, 255 * pair.y], 1, 2, 1);
  byId("step-tells").textContent = `After ${at() * facts.between} steps, ${look().mistakes} of ${facts.pairs.length} are wrong.`;
  const [a, b, c, d, e, f, g, h, i] = look().weights, { sums, hidden, sum, answer } = now(pair.x, pair.y);
  byId("network-works").replaceChildren(
    line("first", "ReLU", [[a, pair.x], [c, pair.y]], e, sums[0], hidden[0]),
    line("second", "ReLU", [[b, pair.x], [d, pair.y]], f, sums[1], hidden[1]),
    line("third", "sigmoid", [[g, hidden[0]], [h, hidden[1]]], i, sum, answer));
  byId("network-says").textContent = `The network predicts: ${answer > 0.5 ? "exactly one is bright" : "not exactly one is bright"}.`;
}

/** One neuron's arithmetic: weights times inputs, the bias, the sum, and its activation. */
function line(name, activation, products, bias, sum, answer) {
  return equation(`${name}: ${activation}(`, ...summed(products, bias), `) = ${activation}(`, labeled("sum", sum), ") = ", labeled("answer", answer, true));
}

/** The parts of an equation: each weight times its input, and the bias; negative numbers in brackets. */
export function summed(products, bias) {
  const signed = (what, value) => (value < 0 ? ["(", labeled(what, value), ")"] : [labeled(what, value)]);
  return [...products.flatMap(([weight, input]) => [...signed("weight", weight), " × ", labeled("input", input), " + "]), ...signed("bias", bias)];
}

export function beginNetwork() {
  byId("beginning").addEventListener("input", show);
  slider("left", (value) => ((pair.x = value), show(), String(value)));
  slider("right", (value) => ((pair.y = value), show(), String(value)));
  slider("step", (value) => (show(), String(value * facts.between)));
}
