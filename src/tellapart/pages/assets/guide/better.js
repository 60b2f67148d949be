/** Better models: accuracy against time, and what each recipe consists of. */

import { chart, percent } from "charts";
import { begin, byId, facts, slider } from "lesson";
import { element } from "maps";
import { sum, table } from "arithmetic";
import { color } from "theme";

const [first, quick, to63, fast] = facts.measured;
const NAMES = { "fast to 63%": "fast with --target 63%" };
const SERIES = { "first-cnn": "--series-1", quick: "--series-2", fast: "--series-3", "fast to 63%": "--right" };
const networks = { ...facts.networks, ...facts.large_networks };
const OF = { test: "test pictures", validation: "held-out pictures" };
const nameOf = ({ name }) => NAMES[name] ?? name;
let minutes = 0;

/** What a recipe had reached after so many minutes: {accuracy, of, how}, or nothing yet. */
function reached(one) {
  if (one.runs) {
    const ended = one.runs.filter(([at]) => at <= minutes).map(([, accuracy]) => accuracy);
    return ended.length ? { accuracy: sum(ended) / ended.length, of: OF.test, how: `${ended.length} of ${one.trainings} trainings had ended` } : null;
  }
  const done = one.curve.filter(([at]) => at <= minutes);
  if (!done.length) return null;
  const how = `epoch ${done.length} of ${one.of_epochs}`;
  return done.length === one.curve.length ? { accuracy: one.accuracy, of: OF.test, how } : { accuracy: done.at(-1)[1], of: OF[one.curve_of], how };
}

function tell() {
  const rows = facts.measured.map((one) => ({ one, now: reached(one) }));
  const best = rows.filter(({ now }) => now).sort((a, b) => b.now.accuracy - a.now.accuracy)[0];
  const time = `${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
  byId("reached").textContent = best
    ? `In ${time} the best measured is ${percent(best.now.accuracy)} of the ${best.now.of}, by ${nameOf(best.one)} (${best.now.how}${best.now.how.includes("trainings") ? "; their mean" : ""}).`
    : `In ${time} nothing had been scored yet.`;
  byId("by-then").replaceChildren(table("By then", ["recipe", "accuracy", "of", "how far"], rows.map(({ one, now }) =>
    [nameOf(one), ...(now ? [percent(now.accuracy), now.of, now.how] : ["–", "–", "nothing scored yet"])])));
}

const drawMinutes = chart(byId("chart-minutes"), `Accuracy by minutes of training. ${facts.measured.map((one) => `${nameOf(one)}: ${percent(one.accuracy)} after ${one.minutes.toFixed(1)} minutes`).join("; ")}.`, (width) => ({
  height: Math.max(240, Math.round(width * 0.55)),
  x: { label: "minutes", domain: [0, 40], grid: false },
  y: { label: "accuracy", tickFormat: "%", domain: [0.3, 1], grid: true },
  marks: [
    Plot.ruleX([minutes], { stroke: color("--ink"), strokeDasharray: "3 3" }),
    ...[first, quick].map((one) => Plot.line(one.curve, { stroke: color(SERIES[one.name]), strokeWidth: 2 })),
    Plot.dot([[quick.curve.at(-1)[0], quick.accuracy]], { r: 5, stroke: color(SERIES.quick), strokeWidth: 2, fill: color("--paper") }),
    ...[to63, fast].map((one) => Plot.dot(one.runs, { r: 4, fill: color(SERIES[one.name]), fillOpacity: 0.8 })),
  ],
}));

chart(byId("chart-rates"), "Learning rate of three recipes as a share of its highest, from the first step to the last: first-cnn falls slowly to three quarters, quick climbs and falls to nothing, fast falls to nothing in a line.", (width) => ({
  height: Math.max(200, Math.round(width * 0.34)),
  x: { label: "share of the training", tickFormat: "%" },
  y: { label: "learning rate, share of its highest", tickFormat: "%", domain: [0, 1.02], grid: true },
  marks: Object.entries(facts.rates).map(([name, values]) =>
    Plot.line(values.map((value, i) => [i / (values.length - 1), value]), { stroke: color(SERIES[name]), strokeWidth: 2, strokeDasharray: name === "fast" ? "6 4" : null })),
}));

function look() {
  const name = byId("recipe").value, { layers, parameters, flops, epochs, training_flops: all } = networks[name];
  const known = facts.measured.find((one) => one.name === name);
  const result = known ? `measured: ${percent(known.accuracy)} of ${known.pictures.toLocaleString("en")} test pictures${known.of_epochs > known.epochs ? ` after ${known.epochs} epochs` : ""}, ${known.date}` : "not trained to its end here, so not measured";
  byId("recipe-says").textContent = `${name}: ${layers.length} layers, ${parameters.toLocaleString("en")} parameters; a picture takes ${flops.toLocaleString("en")} FLOPs, a training of ${epochs} epochs ${Math.round(all / 1e12).toLocaleString("en")} trillion; ${result}.`;
  const changes = facts.changes[name] ?? [];
  const before = Object.keys(networks)[Object.keys(networks).indexOf(name) - 1];
  byId("changes").replaceChildren(...(before ? [folded(`What changes from ${before}: ${changes.length} settings`, table("Settings by tellapart's own names", ["setting", before, name], changes))] : []));
  byId("layers").replaceChildren(folded(`Its ${layers.length} layers`, table("From the picture down to the answer", ["layer", "gives", "parameters", "FLOPs"],
    layers.map(([kind, shape, count, cost]) => [kind, shape, count.toLocaleString("en"), cost == null ? "–" : cost.toLocaleString("en")]))));
}

/** A table that opens, and scrolls where it is long. */
function folded(summary, made) {
  const frame = element("div", { class: "tall", tabindex: 0, role: "region", "aria-label": summary }, made);
  return element("details", { open: "" }, element("summary", {}, summary), frame);
}

slider("minutes", (value) => {
  minutes = value;
  tell();
  drawMinutes();
  return String(value);
});
byId("recipe").addEventListener("input", look);
look();
begin();
