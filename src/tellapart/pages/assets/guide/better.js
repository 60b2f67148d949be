/** Better models: accuracy against time, and the settings and layers of each recipe. */

import { chart, percent } from "charts";
import { begin, byId, facts, slider } from "lesson";
import { element } from "maps";
import { sum, table } from "arithmetic";
import { color } from "theme";

const [first, quick, to63, fast] = facts.measured;
const NAMES = { "fast to 63%": "fast with --target 63%" };
const SERIES = { "first-cnn": "--series-1", quick: "--series-2", fast: "--series-3", "fast to 63%": "--right" };
const networks = { ...facts.networks, ...facts.large_networks };
const PICTURES = { test: "test pictures", validation: "held-out pictures" };
const nameOf = ({ name }) => NAMES[name] ?? name;
let minutes = 0;

/** What a recipe reached within the chosen minutes: {accuracy, on, progress}; null if nothing yet. */
function reached(recipe) {
  if (recipe.runs) {
    const ended = recipe.runs.filter(([at]) => at <= minutes).map(([, accuracy]) => accuracy);
    return ended.length ? { accuracy: sum(ended) / ended.length, on: PICTURES.test, progress: `${ended.length} of ${recipe.trainings} training runs finished` } : null;
  }
  const done = recipe.curve.filter(([at]) => at <= minutes);
  if (!done.length) return null;
  const progress = `epoch ${done.length} of ${recipe.of_epochs}`;
  return done.length === recipe.curve.length ? { accuracy: recipe.accuracy, on: PICTURES.test, progress } : { accuracy: done.at(-1)[1], on: PICTURES[recipe.curve_of], progress };
}

function showReached() {
  const rows = facts.measured.map((recipe) => ({ recipe, now: reached(recipe) }));
  const best = rows.filter(({ now }) => now).sort((a, b) => b.now.accuracy - a.now.accuracy)[0];
  const time = `${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
  byId("reached").textContent = best
    ? `Best measured in ${time}: ${percent(best.now.accuracy)} on ${best.now.on}, by ${nameOf(best.recipe)} (${best.now.progress}${best.now.progress.includes("training runs") ? "; their mean" : ""}).`
    : `In ${time} nothing had been scored yet.`;
  byId("by-then").replaceChildren(table("By then", ["recipe", "accuracy", "on", "progress"], rows.map(({ recipe, now }) =>
    [nameOf(recipe), ...(now ? [percent(now.accuracy), now.on, now.progress] : ["–", "–", "nothing scored yet"])])));
}

const drawMinutes = chart(byId("chart-minutes"), `Accuracy by minutes of training. ${facts.measured.map((recipe) => `${nameOf(recipe)}: ${percent(recipe.accuracy)} after ${recipe.minutes.toFixed(1)} minutes`).join("; ")}.`, (width) => ({
  height: Math.max(240, Math.round(width * 0.55)),
  x: { label: "minutes", domain: [0, 40], grid: false },
  y: { label: "accuracy", tickFormat: "%", domain: [0.3, 1], grid: true },
  marks: [
    Plot.ruleX([minutes], { stroke: color("--ink"), strokeDasharray: "3 3" }),
    ...[first, quick].map(({ name, curve }) => Plot.line(curve, { stroke: color(SERIES[name]), strokeWidth: 2 })),
    Plot.dot([[quick.curve.at(-1)[0], quick.accuracy]], { r: 5, stroke: color(SERIES.quick), strokeWidth: 2, fill: color("--paper") }),
    ...[to63, fast].map(({ name, runs }) => Plot.dot(runs, { r: 4, fill: color(SERIES[name]), fillOpacity: 0.8 })),
  ],
}));

chart(byId("chart-rates"), "Learning rate of three recipes relative to its peak, from the first step to the last: first-cnn falls slowly to three quarters, quick climbs and falls to zero, fast falls to zero in a straight line.", (width) => ({
  height: Math.max(200, Math.round(width * 0.34)),
  x: { label: "share of the training", tickFormat: "%" },
  y: { label: "learning rate, relative to its peak", tickFormat: "%", domain: [0, 1.02], grid: true },
  marks: Object.entries(facts.rates).map(([name, values]) =>
    Plot.line(values.map((value, i) => [i / (values.length - 1), value]), { stroke: color(SERIES[name]), strokeWidth: 2, strokeDasharray: name === "fast" ? "6 4" : null })),
}));

function showRecipe() {
  const name = byId("recipe").value, { layers, parameters, flops, epochs, training_flops: all } = networks[name];
  const known = facts.measured.find((recipe) => recipe.name === name);
  const result = known ? `measured: ${percent(known.accuracy)} on ${known.pictures.toLocaleString("en")} test pictures${known.of_epochs > known.epochs ? ` after ${known.epochs} epochs` : ""}, ${known.date}` : "not trained to completion here, so not measured";
  byId("recipe-says").textContent = `${name}: ${layers.length} layers, ${parameters.toLocaleString("en")} parameters; ${flops.toLocaleString("en")} FLOPs per picture, ${Math.round(all / 1e12).toLocaleString("en")} trillion for ${epochs} epochs of training; ${result}.`;
  const changes = facts.changes[name] ?? [];
  const before = Object.keys(networks)[Object.keys(networks).indexOf(name) - 1];
  byId("changes").replaceChildren(...(before ? [folded(`Changes from ${before}: ${changes.length} settings`, table("Settings, by their names in tellapart", ["setting", before, name], changes))] : []));
  byId("layers").replaceChildren(folded(`Its ${layers.length} layers`, table("From the picture to the prediction", ["layer", "output", "parameters", "FLOPs"],
    layers.map(([kind, shape, count, cost]) => [kind, shape, count.toLocaleString("en"), cost == null ? "–" : cost.toLocaleString("en")]))));
}

/** A table that folds, and scrolls where it is long. */
function folded(summary, content) {
  const frame = element("div", { class: "tall", tabindex: 0, role: "region", "aria-label": summary }, content);
  return element("details", { open: "" }, element("summary", {}, summary), frame);
}

slider("minutes", (value) => {
  minutes = value;
  showReached();
  drawMinutes();
  return String(value);
});
byId("recipe").addEventListener("input", showRecipe);
showRecipe();
begin();
