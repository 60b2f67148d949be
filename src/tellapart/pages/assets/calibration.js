/** Confidence against accuracy, and what comes of answering only when sure. */

import { chart, percent } from "charts";
import { color } from "theme";

export function calibration(told) {
  reliability("chart-before", told.before, "as it answers");
  if (told.after) reliability("chart-after", told.after, `at temperature ${told.temperature.toFixed(2)}`);
  threshold(told.thresholds);
}

function reliability(id, judged, when) {
  const bins = judged.bins.filter((bin) => bin.answers > 0);
  const most = Math.max(...bins.map((bin) => bin.answers));
  chart(document.getElementById(id), `Reliability diagram, ${when}: accuracy by confidence in ${judged.bins.length} bins; the expected calibration error is ${percent(judged.error, 2)}.`, (width) => ({
    height: Math.min(width, 380),
    insetTop: 12, insetRight: 12,
    x: { label: "confidence", domain: [0, 1], tickFormat: "%" },
    y: { label: `share right, ${when}`, domain: [0, 1], tickFormat: "%", grid: true },
    r: { range: [2, 14] },
    marks: [
      Plot.line([[0, 0], [1, 1]], { stroke: color("--soft"), strokeDasharray: "4 4" }),
      Plot.ruleX(bins, { x: "confidence", y1: "confidence", y2: "accuracy", stroke: color("--wrong"), strokeWidth: 2 }),
      Plot.dot(bins, { x: "confidence", y: "accuracy", r: (d) => Math.sqrt(d.answers / most), fill: color("--series-1"), fillOpacity: 0.85 }),
      Plot.tip(bins, Plot.pointer({ x: "confidence", y: "accuracy", fill: color("--raised"), stroke: color("--line"),
        title: (d) => `${d.answers} answers\nconfidence ${percent(d.confidence)}\nright ${percent(d.accuracy)}` })),
    ],
  }));
}

function threshold(rows) {
  const slider = document.getElementById("threshold");
  const figure = document.getElementById("chart-threshold");
  const value = document.getElementById("threshold-value");
  const says = document.getElementById("threshold-says");
  const chosen = () => rows[Number(slider.value)];
  const tell = () => {
    const row = chosen();
    value.textContent = percent(row.confidence, 0);
    slider.setAttribute("aria-valuetext", percent(row.confidence, 0));
    says.textContent = row.accuracy == null
      ? "It answers none of the pictures."
      : `It answers ${percent(row.answered)} of the pictures (${row.answers.toLocaleString("en")}), and is right in ${percent(row.accuracy, 2)} of its answers.`;
  };
  const known = rows.filter((row) => row.accuracy != null);
  const apart = (row) => (row.confidence < 0.9 ? Math.abs(row.accuracy - row.answered) : -1);
  const named = known.reduce((most, row) => (apart(row) > apart(most) ? row : most));
  const draw = chart(figure, "Share of the pictures answered, and share of the answers that are right, by the confidence asked for.", () => ({
    x: { label: "at least so sure", domain: [0, 1], tickFormat: "%" },
    y: { label: "share", domain: [0, 1], tickFormat: "%", grid: true },
    marks: [
      Plot.lineY(rows, { x: "confidence", y: "answered", stroke: color("--series-2"), strokeWidth: 2 }),
      Plot.lineY(known, { x: "confidence", y: "accuracy", stroke: color("--series-1"), strokeWidth: 2 }),
      Plot.text([named], { x: "confidence", y: "answered", text: ["answered"], dy: 16, textAnchor: "end", fill: color("--series-2"), fontWeight: 600 }),
      Plot.text([named], { x: "confidence", y: "accuracy", text: ["right"], dy: -12, textAnchor: "end", fill: color("--series-1"), fontWeight: 600 }),
      Plot.ruleX([chosen().confidence], { stroke: color("--ink"), strokeDasharray: "3 3" }),
      Plot.dot([chosen()], { x: "confidence", y: "answered", fill: color("--series-2"), r: 5 }),
      Plot.dot(known.includes(chosen()) ? [chosen()] : [], { x: "confidence", y: "accuracy", fill: color("--series-1"), r: 5 }),
    ],
  }));
  tell();
  slider.addEventListener("input", () => { tell(); draw(); });
}
