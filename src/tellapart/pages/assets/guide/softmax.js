/** Softmax: from logits to probabilities, step by step, and confidence against accuracy. */

import { chart, percent } from "charts";
import { begin, byId, facts, slider } from "lesson";
import { element, fixed } from "maps";
import { bySize, sum, labeled } from "arithmetic";
import { color } from "theme";

const NAMES = ["cat", "dog", "frog", "truck"];
const at = { logits: [], temperature: 1, added: 0, sure: 9 };

/** The exponents of e: each logit plus the number added to all, divided by the temperature. */
const exponents = () => at.logits.map((logit) => (logit + at.added) / at.temperature);

/** Subtracting the largest value from all changes no probability and keeps every power finite. */
export function softmax(values) {
  const most = Math.max(...values), powers = values.map((value) => Math.exp(value - most));
  return powers.map((power) => power / sum(powers));
}

function show() {
  if (at.logits.length < NAMES.length) return; // some sliders are not set up yet
  const raised = exponents(), shares = softmax(raised), powers = raised.map(Math.exp);
  byId("steps").replaceChildren(...NAMES.map((name, i) => element("tr", {},
    element("th", { scope: "row" }, name),
    element("td", { "data-what": "exponent", "data-value": raised[i] }, fixed(raised[i], 2)),
    element("td", { "data-what": "power", "data-value": powers[i] }, large(powers[i])),
    element("td", { class: "bar", style: `--share: ${shares[i]}`, "data-what": "share", "data-value": shares[i] }, element("span", {}, shareText(shares[i]))))));
  byId("total-power").textContent = large(sum(powers));
  byId("total-share").textContent = percent(sum(shares));
  const [first, second] = bySize(shares);
  byId("steps-say").replaceChildren(`${NAMES[first]} has the highest probability, `, shareOf("largest", shares[first], shareText),
    `, ${times(shares[first] / shares[second])} that of ${NAMES[second]}.`);
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A number to two decimals, or as a power of ten where it is too large or too small for that. */
function large(value) {
  if (value < 1e5 && value >= 0.005) return fixed(value, 2);
  const [digits, power] = value.toExponential(1).split("e");
  return `${digits} × 10${power.replace("+", "").replace("-", "⁻").replace(/\d/g, (digit) => SUPERSCRIPTS[digit])}`;
}

/** A probability as text: never 100% and never 0%, however near it comes. */
function shareText(share) {
  const text = percent(share);
  return { "100.0%": "> 99.9%", "0.0%": "< 0.1%" }[text] ?? text;
}

const times = (ratio) => (ratio < 1.005 ? "equal to" : `${large(ratio)} times`);

// Confidence against accuracy.

const calibration = () => facts.digits[byId("when").value];
const filled = () => calibration().bins.map((bin, place) => ({ ...bin, place })).filter((bin) => bin.answers > 0);
const ends = (place) => [place, place + 1].map((edge) => percent(edge / calibration().bins.length, 0));

const drawReliability = chart(byId("reliability"), "Accuracy by confidence; on the dashed line the two are equal.", (width) => ({
  height: Math.min(width, 380), insetTop: 8, insetRight: 8,
  x: { label: "confidence", domain: [0, 1], tickFormat: "%" },
  y: { label: "accuracy", domain: [0, 1], tickFormat: "%", grid: true },
  r: { range: [3, 13] },
  marks: [
    Plot.line([[0, 0], [1, 1]], { stroke: color("--soft"), strokeDasharray: "4 4" }),
    Plot.ruleX(filled(), { x: "confidence", y1: "confidence", y2: "accuracy", stroke: color("--wrong"), strokeWidth: 2 }),
    Plot.dot(filled(), { x: "confidence", y: "accuracy", r: (bin) => Math.sqrt(bin.answers), fill: color("--series-1"), fillOpacity: 0.85 }),
    Plot.dot(filled().filter((bin) => bin.place === at.sure), { x: "confidence", y: "accuracy", r: (bin) => Math.sqrt(bin.answers), stroke: "#d6006c", strokeWidth: 3 }),
  ],
}));

function sayReliability() {
  drawReliability();
  const bin = calibration().bins[at.sure], [low, high] = ends(at.sure);
  byId("reliability-says").replaceChildren(...(bin.answers
    ? [`${bin.answers.toLocaleString("en")} of ${calibration().answers.toLocaleString("en")} predictions have a confidence above ${low} and up to ${high}: mean confidence `,
      shareOf("confidence", bin.confidence), ", accuracy ", shareOf("accuracy", bin.accuracy), "."]
    : [`No prediction has a confidence between ${low} and ${high}.`]));
}

function shareOf(what, share, format = percent) {
  const result = labeled(what, share, true);
  result.textContent = format(share);
  return result;
}

NAMES.forEach((name, i) => slider(name, (value) => ((at.logits[i] = value), show(), fixed(value, 1))));
slider("added", (value) => ((at.added = value), show(), fixed(value, 1)));
slider("temperature", (value) => ((at.temperature = value), show(), fixed(value, 1)));
slider("sure", (value) => ((at.sure = value), sayReliability(), ends(value).join(" to ")));
byId("when").addEventListener("input", sayReliability);
begin();
