/** Activations: one number on five curves, two layers without one, and how far back a gradient reaches. */

import { chart } from "charts";
import { begin, byId, facts, plain, slider, labeled } from "lesson";
import { fixed } from "maps";
import { sum } from "arithmetic";
import { color } from "theme";

const SCALES = { relu: [-0.4, 6], softplus: [-0.4, 6], sigmoid: [-0.1, 1.1], gaussian: [-1.1, 1.1], softmax: [-0.1, 1.1] };
const SAYS = {
  relu: "ReLU is zero below zero and rises with slope 1 above it.",
  softplus: "Softplus rises from zero to a straight line; its slope rises from 0 to 1.",
  sigmoid: "The sigmoid rises from 0 to 1; its slope is a low hill, a quarter high at zero.",
  gaussian: "The Gaussian is a hill around zero; its slope is positive left of zero and negative right of it.",
  softmax: "The share of x rises from 0 to 1, further right when a and b are larger; its slope is a low hill.",
};
const SHARES = { 1: "all", 1e-3: "a thousandth", 1e-6: "a millionth", 1e-9: "a billionth", 1e-12: "a trillionth" };
const COMPACT = { notation: "compact", compactDisplay: "long", maximumSignificantDigits: 2 };
const at = { x: 0, a: 1, b: 0, network: 0, layers: 1 };

/** The softmax share of x among x, a and b, and its slope. */
function softmax(x) {
  const most = Math.max(x, at.a, at.b);
  const [mine, ...others] = [x, at.a, at.b].map((one) => Math.exp(one - most));
  const share = mine / (mine + sum(others));
  return { value: share, slope: share * (1 - share) };
}

/** A curve's value and slope at x. tellapart computed those of the other four at every value of the slider. */
function pointOf(name, x) {
  if (name === "softmax") return softmax(x);
  const place = facts.x.findIndex((one) => Math.abs(one - x) < 0.01);
  return { value: facts.curves[name].value[place], slope: facts.curves[name].slope[place] };
}

const curve = (name, part) => facts.x.map((x) => ({ x, y: pointOf(name, x)[part] }));

function curveChart(name) {
  return chart(byId(name), SAYS[name], (width) => ({
    height: Math.round(width * 0.7), marginLeft: 34, marginRight: 8, marginBottom: 34,
    x: { label: "x", ticks: 6 }, y: { label: null, grid: true, domain: SCALES[name], ticks: 5 },
    marks: [
      Plot.ruleY([0], { stroke: color("--soft") }),
      Plot.ruleX([at.x], { stroke: "#d6006c", strokeOpacity: 0.6 }),
      Plot.lineY(curve(name, "slope"), { x: "x", y: "y", stroke: color("--series-2"), strokeWidth: 2, strokeDasharray: "5 3", curve: name === "relu" ? "step-before" : "linear" }),
      Plot.lineY(curve(name, "value"), { x: "x", y: "y", stroke: color("--series-1"), strokeWidth: 2.5 }),
      ...["value", "slope"].map((part, i) => Plot.dot([pointOf(name, at.x)[part]], {
        x: at.x, y: (one) => one, r: 5, fill: color(i ? "--series-2" : "--series-1"), stroke: color("--raised"), strokeWidth: 1.5,
      })),
    ],
  }));
}

const drawCurve = Object.fromEntries(Object.keys(SCALES).map((name) => [name, curveChart(name)]));

function moveTo(name) {
  drawCurve[name]();
  const { value, slope } = pointOf(name, at.x);
  byId(`${name}-says`).replaceChildren("value ", labeled("value", value, true), " · slope ", labeled("slope", slope, true));
}

const BETWEEN = {
  linear: (x) => x,
  relu: (x) => Math.max(0, x),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  softplus: (x) => Math.log1p(Math.exp(x)),
};

/** The output of both layers for x. */
export function through({ first, first_biases, second, second_bias }, activation, x) {
  return sum(first.map((weight, i) => second[i] * BETWEEN[activation](weight * x + first_biases[i]))) + second_bias;
}

/** The single layer that equals both with nothing between them. */
function alone({ first, first_biases, second, second_bias }) {
  return { weight: sum(first.map((weight, i) => weight * second[i])), bias: sum(first_biases.map((bias, i) => bias * second[i])) + second_bias };
}

/** Where ReLU's line bends: where a unit's sum is zero. */
const bends = ({ first, first_biases }) => first.map((weight, i) => -first_biases[i] / weight).filter((x) => Math.abs(x) < facts.x.at(-1));

const drawLine = chart(byId("line"), "The output of two dense layers by their input: a straight line with nothing between them, a bent one with an activation.", (width) => {
  const activation = byId("activation").value, network = facts.networks[at.network], { weight, bias } = alone(network);
  const points = facts.x.map((x) => ({ x, y: through(network, activation, x) }));
  return {
    height: Math.max(210, Math.round(width * 0.42)),
    x: { label: "input" }, y: { label: "output", grid: true, nice: true },
    marks: [
      Plot.lineY(points, { x: "x", y: "y", stroke: color("--series-1"), strokeWidth: activation === "linear" ? 7 : 3 }),
      activation === "linear" ? Plot.lineY(facts.x.map((x) => ({ x, y: weight * x + bias })), { x: "x", y: "y", stroke: color("--series-2"), strokeWidth: 2, strokeDasharray: "6 5" }) : null,
      activation === "relu" ? Plot.dot(bends(network), { x: (x) => x, y: (x) => through(network, activation, x), r: 6, fill: color("--raised"), stroke: "#d6006c", strokeWidth: 2.5 }) : null,
    ],
  };
});

function sayLine() {
  drawLine();
  const activation = byId("activation").value, network = facts.networks[at.network], { weight, bias } = alone(network);
  byId("alone").hidden = activation !== "linear";
  const count = bends(network).length;
  byId("line-says").replaceChildren(...{
    linear: ["A single layer does the same: ", labeled("weight", weight, true), " × input + ", labeled("bias", bias, true), "."],
    relu: [`${count === 1 ? "One bend" : `${count} bends`}, at `, ...bends(network).sort((a, b) => a - b).flatMap((x, i) => [i ? ", " : "", fixed(x, 2)]), "."],
  }[activation] ?? ["A curve, which a single layer without an activation cannot make."]);
}

const drawReach = chart(byId("reach"), "What is left of a gradient after 1 to 20 layers, on a logarithmic scale: with ReLU it falls slowly, with the sigmoid by three quarters or more per layer.", (width) => {
  const lines = Object.entries(facts.reaches).map(([name, left]) => [name, left.map((y, i) => ({ x: i + 1, y }))]);
  const quarter = facts.reaches.relu.map((_, i) => ({ x: i + 1, y: 0.25 ** (i + 1) }));
  const stroke = { relu: color("--series-1"), sigmoid: color("--series-2") };
  return {
    height: Math.max(210, Math.round(width * 0.42)), marginLeft: 84, marginTop: 32,
    x: { label: "layers passed back through", ticks: 10 }, y: { label: "what is left", type: "log", grid: true, ticks: Object.keys(SHARES).map(Number), tickFormat: (one) => SHARES[one] },
    marks: [
      Plot.ruleX([at.layers], { stroke: "#d6006c", strokeOpacity: 0.6 }),
      Plot.lineY(quarter, { x: "x", y: "y", stroke: color("--soft"), strokeDasharray: "5 4" }),
      ...lines.flatMap(([name, points]) => [
        Plot.lineY(points, { x: "x", y: "y", stroke: stroke[name], strokeWidth: 2.5 }),
        Plot.dot([points[at.layers - 1]], { x: "x", y: "y", r: 5, fill: stroke[name], stroke: color("--raised"), strokeWidth: 1.5 }),
      ]),
    ],
  };
});

/** A share, in words if it is small: nobody counts zeros. */
const inWords = (share) => (share < 1e-3 ? `one part in ${(1 / share).toLocaleString("en", COMPACT)}` : plain(share));

function labeledInWords(what, share) {
  const span = labeled(what, share, true);
  span.textContent = inWords(share);
  return span;
}

function sayReach() {
  drawReach();
  const [relu, sigmoid] = [facts.reaches.relu[at.layers - 1], facts.reaches.sigmoid[at.layers - 1]];
  byId("reach-says").replaceChildren(`Left after ${at.layers === 1 ? "one layer" : `${at.layers} layers`}: with ReLU `, labeledInWords("relu-left", relu),
    ", with the sigmoid ", labeledInWords("sigmoid-left", sigmoid), `, which is ${Number((relu / sigmoid).toPrecision(2)).toLocaleString("en")} times less.`);
}

slider("x", (x) => ((at.x = x), Object.keys(SCALES).forEach(moveTo), fixed(x, 1)));
for (const name of ["a", "b"]) slider(name, (value) => ((at[name] = value), moveTo("softmax"), fixed(value, 1)));
slider("network", (value) => ((at.network = value - 1), sayLine(), String(value)));
byId("activation").addEventListener("input", sayLine);
slider("layers", (value) => ((at.layers = value), sayReach(), String(value)));
begin();
