/** Neurons: one that tells zeros from ones, and three that detect an edge. */

import { begin, byId, facts, slider, labeled } from "lesson";
import { drawPicture } from "maps";
import { beginNetwork, summed } from "network";
import { equation } from "arithmetic";
import { plane } from "plane";

const NAMES = ["zero", "one"];
const neuron = { weights: [0, 0], bias: 0 };
const sum = (x, y) => neuron.weights[0] * x + neuron.weights[1] * y + neuron.bias;
const sigmoid = (one) => 1 / (1 + Math.exp(-one));
const isOne = ([x, y]) => Number(sum(x, y) > 0);

const chosen = () => Number(byId("digit").value);
const points = () => facts.points.map(([x, y], i) => ({ x, y, is: facts.labels[i], wrong: isOne([x, y]) !== facts.labels[i] }));

const draw = plane(byId("plane"), "Sixty zeros and ones on a plane, and the line on which the neuron is undecided.", () => ({
  made: (x, y) => sigmoid(sum(x, y)), sum, most: 1, axes: ["center", "sides"],
  points: points(), chosen: points()[chosen()],
}));

const counted = (count, name) => `${count} ${name}${count === 1 ? "" : "s"}`;

function show() {
  draw();
  const wrong = points().filter((one) => one.wrong), zeros = wrong.filter((one) => !one.is).length;
  const kinds = wrong.length ? `: ${counted(zeros, "zero")} and ${counted(wrong.length - zeros, "one")}` : "";
  byId("neuron-says").textContent = `${wrong.length} of ${facts.points.length} digits ${wrong.length === 1 ? "is" : "are"} on the wrong side${kinds}.`;
  drawPicture(byId("digit-picture"), facts.digits[chosen()].map((one) => (255 * one) / 16), 8, 8, 1);
  const [x, y] = facts.points[chosen()], total = sum(x, y);
  byId("neuron-works").replaceChildren(
    equation(...summed([[neuron.weights[0], x], [neuron.weights[1], y]], neuron.bias), " = ", labeled("sum", total, true)),
    equation("sigmoid(", labeled("sum", total), ") = ", labeled("answer", sigmoid(total), true), `: ${NAMES[isOne([x, y])]}. It is a ${NAMES[facts.labels[chosen()]]}.`));
}

slider("digit", (value) => (show(), String(value + 1)));
for (const i of [0, 1]) slider(`weight-${i + 1}`, (value) => ((neuron.weights[i] = value), show(), String(value)));
slider("bias", (value) => ((neuron.bias = value), show(), String(value)));
beginNetwork();
begin();
