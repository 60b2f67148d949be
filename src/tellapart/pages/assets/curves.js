/** Accuracy, loss and learning rate over the epochs, with remarks at their places. */

import { chart, percent } from "charts";
import { color } from "theme";

export function curves(rows, remarks) {
  const points = rows.map((row) => ({ ...row, epoch: row.epoch + 1 }));
  if (!points.length) return;
  const last = points.at(-1);
  draw("chart-accuracy", "accuracy", "val_accuracy", points, remarks, (v) => percent(v),
    `Accuracy by epoch. At the end ${percent(last.accuracy)} while learning and ${percent(last.val_accuracy)} on validation pictures.`);
  draw("chart-loss", "loss", "val_loss", points, remarks.filter((one) => one.kind !== "rate"), (v) => v.toFixed(3),
    `Loss by epoch. At the end ${last.loss.toFixed(3)} while learning and ${last.val_loss.toFixed(3)} on validation pictures.`);
  rates(points, remarks.filter((one) => one.kind === "rate"));
}

function rates(points, remarks) {
  const first = points[0].learning_rate, end = points.at(-1).learning_rate;
  const marked = remarks.map((one) => points[one.epoch - 1]);
  chart(document.getElementById("chart-rate"), `Learning rate by epoch, from ${first.toPrecision(3)} to ${end.toPrecision(3)}.`, (width) => ({
    height: Math.round(width * 0.4),
    marginLeft: 60,
    x: { label: "epoch", ticks: Math.min(points.length, 10), tickFormat: "d", domain: points.length > 1 ? undefined : [0, 2] },
    y: { label: "learning rate", grid: true, nice: true, zero: true },
    marks: [
      Plot.lineY(points, { x: "epoch", y: "learning_rate", stroke: color("--series-1"), strokeWidth: 2 }),
      points.length === 1 ? Plot.dot(points, { x: "epoch", y: "learning_rate", fill: color("--series-1") }) : null,
      ...numbered(marked, "learning_rate"),
      Plot.tip(points, Plot.pointerX({ x: "epoch", y: "learning_rate", fill: color("--raised"), stroke: color("--line"),
        title: (d) => `epoch ${d.epoch}\nlearning rate ${d.learning_rate.toPrecision(3)}` })),
    ],
  }));
}

/** Rings with the epoch's number above them. */
function numbered(marked, y) {
  return [
    Plot.dot(marked, { x: "epoch", y, r: 5, fill: color("--paper"), stroke: color("--series-1"), strokeWidth: 2 }),
    Plot.text(marked, { x: "epoch", y, text: (d) => String(d.epoch), dy: -13, fontWeight: 600, fill: color("--ink") }),
  ];
}

function draw(id, learned, validated, points, remarks, format, says) {
  const marked = remarks.map((remark) => ({ ...remark, value: points[remark.epoch - 1]?.[validated] })).filter((one) => one.value != null);
  const share = learned === "accuracy";
  chart(document.getElementById(id), says, () => ({
    x: { label: "epoch", ticks: Math.min(points.length, 10), tickFormat: "d", domain: points.length > 1 ? undefined : [0, 2] },
    y: { label: share ? "accuracy" : "loss", grid: true, tickFormat: share ? "%" : undefined, nice: true },
    marks: [
      Plot.lineY(points, { x: "epoch", y: learned, stroke: color("--series-2"), strokeWidth: 2 }),
      Plot.lineY(points, { x: "epoch", y: validated, stroke: color("--series-1"), strokeWidth: 2 }),
      points.length === 1 ? Plot.dot(points, { x: "epoch", y: validated, fill: color("--series-1") }) : null,
      ...numbered(marked, "value"),
      Plot.tip(points, Plot.pointerX({
        x: "epoch", y: validated, fill: color("--raised"), stroke: color("--line"),
        title: (d) => `epoch ${d.epoch}\nlearning ${format(d[learned])}\nvalidation ${format(d[validated])}`,
      })),
    ],
  }));
}
