/** Confidence against accuracy, and what remains when only confident predictions are accepted. */

import { chart, percent } from "charts";
import { color } from "theme";

export function calibration(facts) {
  reliability("chart-before", facts.before, "uncalibrated");
  if (facts.after) reliability("chart-after", facts.after, "calibrated");
  threshold(facts.thresholds);
}

function reliability(id, { error, bins: all }, state) {
  const bins = all.filter((bin) => bin.answers > 0);
  const most = Math.max(...bins.map((bin) => bin.answers));
  chart(document.getElementById(id), `Reliability diagram, ${state}: accuracy by confidence in ${all.length} bins. Calibration error (ECE): ${percent(error, 2)}.`, (width) => ({
    height: Math.min(width, 380),
    insetTop: 12, insetRight: 12,
    x: { label: `confidence, ${state}`, domain: [0, 1], tickFormat: "%" },
    y: { label: "accuracy", domain: [0, 1], tickFormat: "%", grid: true },
    r: { range: [2, 14] },
    marks: [
      Plot.line([[0, 0], [1, 1]], { stroke: color("--soft"), strokeDasharray: "4 4" }),
      Plot.ruleX(bins, { x: "confidence", y1: "confidence", y2: "accuracy", stroke: color("--wrong"), strokeWidth: 2 }),
      Plot.dot(bins, { x: "confidence", y: "accuracy", r: (bin) => Math.sqrt(bin.answers / most), fill: color("--series-1"), fillOpacity: 0.85 }),
      Plot.tip(bins, Plot.pointer({ x: "confidence", y: "accuracy", fill: color("--raised"), stroke: color("--line"),
        title: (bin) => `predictions: ${bin.answers}\nconfidence: ${percent(bin.confidence)}\naccuracy: ${percent(bin.accuracy)}` })),
    ],
  }));
}

function threshold(rows) {
  const slider = document.getElementById("threshold");
  const figure = document.getElementById("chart-threshold");
  const value = document.getElementById("threshold-value");
  const output = document.getElementById("threshold-says");
  const chosen = () => rows[Number(slider.value)];
  const show = () => {
    const row = chosen();
    value.textContent = percent(row.confidence, 0);
    slider.setAttribute("aria-valuetext", percent(row.confidence, 0));
    output.textContent = row.accuracy == null
      ? "None of the predictions are accepted."
      : `Accepted: ${percent(row.answered)} (${row.answers.toLocaleString("en")}), of which ${percent(row.accuracy, 2)} are correct.`;
  };
  const scored = rows.filter((row) => row.accuracy != null);
  const gap = (row) => (row.confidence < 0.9 ? Math.abs(row.accuracy - row.answered) : -1);
  const named = scored.reduce((most, row) => (gap(row) > gap(most) ? row : most));
  const draw = chart(figure, "Share of predictions accepted, and their accuracy, by minimum confidence.", () => ({
    x: { label: "minimum confidence", domain: [0, 1], tickFormat: "%" },
    y: { label: "share", domain: [0, 1], tickFormat: "%", grid: true },
    marks: [
      Plot.lineY(rows, { x: "confidence", y: "answered", stroke: color("--series-2"), strokeWidth: 2 }),
      Plot.lineY(scored, { x: "confidence", y: "accuracy", stroke: color("--series-1"), strokeWidth: 2 }),
      Plot.text([named], { x: "confidence", y: "answered", text: ["accepted"], dy: 16, textAnchor: "end", fill: color("--series-2"), fontWeight: 600 }),
      Plot.text([named], { x: "confidence", y: "accuracy", text: ["accuracy"], dy: -12, textAnchor: "end", fill: color("--series-1"), fontWeight: 600 }),
      Plot.ruleX([chosen().confidence], { stroke: color("--ink"), strokeDasharray: "3 3" }),
      Plot.dot([chosen()], { x: "confidence", y: "answered", fill: color("--series-2"), r: 5 }),
      Plot.dot(scored.includes(chosen()) ? [chosen()] : [], { x: "confidence", y: "accuracy", fill: color("--series-1"), r: 5 }),
    ],
  }));
  show();
  slider.addEventListener("input", () => { show(); draw(); });
}
