/** Loss: of one prediction, of a batch, and as a function of one weight. */

import { chart, percent } from "charts";
import { begin, byId, facts, slider } from "lesson";
import { drawPicture, element, fixed } from "maps";
import { sum, labeled } from "arithmetic";
import { color, drawInTheme } from "theme";

const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const TARGET = CLASSES.indexOf("cat"), OTHER = CLASSES.indexOf("dog");
const HIGHEST = 7; // the top of the curve's axis
const at = { probability: 0.7, weight: 0 };

/** The cross-entropy of one picture, its probability clipped as Keras on PyTorch and tellapart clip it. */
export function cost(probability) {
  return -Math.log(Math.min(1 - facts.epsilon, Math.max(facts.epsilon, probability)));
}

/** A number as a result, in three decimals. */
function shown(what, value, text = fixed(value, 3)) {
  const result = labeled(what, value, true);
  result.textContent = text;
  return result;
}

// One probability.

function probabilities() {
  const rest = 1 - at.probability;
  const others = byId("rest").value === "one" ? (i) => (i === OTHER ? rest : 0) : () => rest / (CLASSES.length - 1);
  return CLASSES.map((_, i) => (i === TARGET ? at.probability : others(i)));
}

function showBars() {
  byId("bars").replaceChildren(...CLASSES.map((name, i) => {
    const share = probabilities()[i];
    return element("tr", {}, element("th", { scope: "row" }, i === TARGET ? `${name} (true class)` : name),
      element("td", { class: "bar", style: `--share: ${share}`, "data-what": "share", "data-value": share }, element("span", {}, percent(share))));
  }));
}

const curve = Array.from({ length: 400 }, (_, i) => Math.exp(-HIGHEST * (1 - i / 399))).map((x) => ({ x, y: cost(x) }));

const drawCurve = chart(byId("curve"), "The loss by the probability of the true class: zero at 100%, rising slowly toward 50% and steeply toward 0%.", (width) => {
  const value = cost(at.probability), isAbove = value > HIGHEST;
  return {
    height: Math.max(220, Math.round(width * 0.6)),
    x: { label: "probability of the true class", domain: [0, 1], tickFormat: "%" }, y: { label: "loss", domain: [0, HIGHEST], grid: true },
    marks: [
      Plot.ruleX([at.probability], { stroke: "#d6006c", strokeOpacity: 0.5 }),
      Plot.lineY(curve, { x: "x", y: "y", stroke: color("--series-1"), strokeWidth: 2.5 }),
      Plot.dot([value], { x: at.probability, y: Math.min(value, HIGHEST), r: 6, symbol: isAbove ? "triangle" : "circle", fill: "#d6006c", stroke: color("--raised"), strokeWidth: 1.5 }),
    ],
  };
});

function sayCost() {
  showBars();
  drawCurve();
  const value = cost(at.probability);
  byId("cost-says").replaceChildren(`${percent(at.probability)} for the true class: loss `, shown("cost", value), value > HIGHEST ? ", off the chart." : ".");
}

// A batch.

function batchRows() {
  byId("batch").replaceChildren(...facts.batch.map(({ label, probabilities }, i) => {
    const says = probabilities.indexOf(Math.max(...probabilities)), own = probabilities[label];
    const box = element("input", { type: "checkbox", checked: "", "aria-label": `picture ${i + 1} is in the batch` });
    box.addEventListener("input", sayBatch);
    return element("tr", {},
      element("td", {}, box), element("td", {}, element("canvas", { role: "img", "aria-label": `a ${label}` })),
      element("td", {}, String(label)), element("td", {}, element("span", { class: says === label ? "right" : "wrong" }, `${says} (${percent(probabilities[says], 0)})`)),
      element("td", {}, percent(own)), element("td", { "data-what": "loss", "data-value": cost(own) }, fixed(cost(own), 3)));
  }));
}

function drawBatch() {
  byId("batch").querySelectorAll("canvas").forEach((canvas, i) => drawPicture(canvas, facts.batch[i].picture, 8, 8, 1));
}

function sayBatch() {
  const boxes = [...byId("batch").querySelectorAll("input")];
  const losses = facts.batch.filter((_, i) => boxes[i].checked).map(({ label, probabilities }) => cost(probabilities[label]));
  byId("batch-says").replaceChildren(...(losses.length
    ? [`(${losses.map((loss) => fixed(loss, 3)).join(" + ")}) ÷ ${losses.length} = `, shown("mean", sum(losses) / losses.length), "."]
    : ["An empty batch has no loss."]));
}

// One weight.

const { weights, loss, mistakes } = facts.moved;

function overWeight(id, says, values, label, settings) {
  return chart(byId(id), says, (width) => ({
    height: Math.max(190, Math.round(width * 0.5)),
    x: { label: "weight" }, y: { label, grid: true, nice: true, ...settings },
    marks: [
      Plot.ruleX([weights[at.weight]], { stroke: "#d6006c", strokeOpacity: 0.6 }),
      Plot.ruleX([facts.moved.own], { stroke: color("--soft"), strokeDasharray: "3 4" }),
      Plot.lineY(values.map((y, i) => ({ x: weights[i], y })), { x: "x", y: "y", stroke: color("--series-1"), strokeWidth: 2.5, ...(settings.steps ? { curve: "step" } : {}) }),
      Plot.dot([values[at.weight]], { x: weights[at.weight], y: (value) => value, r: 5, fill: "#d6006c", stroke: color("--raised"), strokeWidth: 1.5 }),
    ],
  }));
}

const drawLoss = overWeight("moved-loss", "The loss by the weight: a smooth curve.", loss, "loss", {});
const drawMistakes = overWeight("moved-mistakes", "The number of mistakes by the weight: flat stretches and steps.", mistakes, "mistakes", { steps: true });

function sayMoved() {
  drawLoss();
  drawMistakes();
  byId("moved-says").replaceChildren(
    `At a weight of ${fixed(weights[at.weight], 3)}: loss `, shown("moved-loss", loss[at.weight], fixed(loss[at.weight], 4)),
    ", mistakes ", shown("moved-mistakes", mistakes[at.weight], String(mistakes[at.weight])), ` of ${facts.pictures}.`);
}

slider("probability", (value) => ((at.probability = value), sayCost(), percent(value)));
byId("rest").addEventListener("input", sayCost);
batchRows();
drawInTheme(drawBatch);
sayBatch();
slider("weight", (value) => ((at.weight = value), sayMoved(), fixed(weights[value], 3)));
begin();
