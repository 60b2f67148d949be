/** The curves of several runs in one chart, over epochs or over seconds. All other parts are in the page already. */

import { begin, color } from "theme";
import { chart, percent, wholeTicks } from "charts";
import { contents } from "contents";
import { scrolling } from "scrolling";

const { runs, validated } = JSON.parse(document.getElementById("data").textContent);
for (const point of runs.flatMap((run) => run.points)) point.score = point.val_accuracy ?? point.val_mean_average_precision;
const drawn = runs.filter((run) => run.points.length);
const points = drawn.flatMap((run) => run.points.map((point) => ({ ...point, run })));
let across = "epoch";

const CHARTS = [
  ["chart-val-accuracy", "score", `validation ${validated}`, (value) => percent(value)],
  ["chart-val-loss", "val_loss", "validation loss", (value) => value.toFixed(3)],
  ["chart-loss", "loss", "training loss", (value) => value.toFixed(3)],
];

const redraw = points.length ? CHARTS.map((each) => draw(...each)) : [];
for (const button of document.querySelectorAll("[data-across]")) {
  button.addEventListener("click", () => {
    across = button.dataset.across;
    for (const other of document.querySelectorAll("[data-across]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    for (const again of redraw) again();
  });
}
contents();
scrolling();
begin(document.getElementById("theme"));

function draw(id, measure, title, format) {
  const ends = drawn.map((run) => `${run.name} ${format(run.points.at(-1)[measure])}`).join(", ");
  return chart(document.getElementById(id), `${title} of each run; at its last epoch: ${ends}.`, () => ({
    x: across === "epoch"
      ? { label: "epoch", ticks: wholeTicks(points.map((point) => point.epoch)), tickFormat: "d", nice: false }
      : { label: "seconds of training", zero: true },
    y: { label: title, grid: true, nice: true, tickFormat: measure === "score" ? "%" : undefined },
    marks: [
      ...drawn.map((run) => Plot.lineY(run.points, { x: across, y: measure, stroke: color(run.color), strokeWidth: 2, strokeDasharray: run.dashes })),
      ...drawn.filter((run) => run.points.length === 1).map((run) => Plot.dot(run.points, { x: across, y: measure, fill: color(run.color) })),
      Plot.tip(points, Plot.pointer({
        x: across, y: measure, fill: color("--raised"), stroke: color("--line"),
        title: (point) => `${point.run.name}\nepoch ${point.epoch}, after ${point.seconds.toFixed(1)} s\n${title} ${format(point[measure])}`,
      })),
    ],
  }));
}
