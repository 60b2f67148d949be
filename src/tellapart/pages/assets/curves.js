/** Accuracy, loss and learning rate over the epochs, with rings at the epochs that the remarks name. */

import { chart, percent, wholeTicks } from "charts";
import { color } from "theme";

export function curves(rows, remarks, score = "accuracy") {
  const points = rows.map((row) => ({ ...row, epoch: row.epoch + 1 }));
  if (!points.length) return;
  const last = points.at(-1);
  if (score === "accuracy") {
    draw("chart-accuracy", "accuracy", "val_accuracy", points, remarks, (v) => percent(v),
      `Accuracy by epoch; in the last one ${percent(last.accuracy)} (training) and ${percent(last.val_accuracy)} (validation).`);
  } else { // measured on validation pictures alone
    draw("chart-accuracy", null, "val_accuracy", points, remarks, (v) => percent(v),
      `Validation ${score} by epoch; in the last one ${percent(last.val_accuracy)}.`, score);
  }
  draw("chart-loss", "loss", "val_loss", points, remarks.filter((remark) => remark.kind !== "rate"), (v) => v.toFixed(3),
    `Loss by epoch; in the last one ${last.loss.toFixed(3)} (training) and ${last.val_loss.toFixed(3)} (validation).`);
  rates(points, remarks.filter((remark) => remark.kind === "rate"));
}

function rates(points, remarks) {
  const first = points[0].learning_rate, last = points.at(-1).learning_rate;
  const marked = remarks.map((remark) => points[remark.epoch - 1]);
  chart(document.getElementById("chart-rate"), `Learning rate by epoch, from ${first.toPrecision(3)} to ${last.toPrecision(3)}.`, (width) => ({
    height: Math.round(width * 0.4),
    marginLeft: 60,
    x: { label: "epoch", ticks: wholeTicks(points.map((point) => point.epoch)), tickFormat: "d", domain: points.length > 1 ? undefined : [0, 2] },
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

function draw(id, training, validation, points, remarks, format, label, score = "accuracy") {
  const marked = remarks.map((remark) => ({ ...remark, value: points[remark.epoch - 1]?.[validation] })).filter((remark) => remark.value != null);
  const isShare = validation === "val_accuracy";
  chart(document.getElementById(id), label, () => ({
    x: { label: "epoch", ticks: wholeTicks(points.map((point) => point.epoch)), tickFormat: "d", domain: points.length > 1 ? undefined : [0, 2] },
    y: { label: isShare ? score : "loss", grid: true, tickFormat: isShare ? "%" : undefined, nice: true },
    marks: [
      training === null ? null : Plot.lineY(points, { x: "epoch", y: training, stroke: color("--series-2"), strokeWidth: 2 }),
      Plot.lineY(points, { x: "epoch", y: validation, stroke: color("--series-1"), strokeWidth: 2 }),
      points.length === 1 ? Plot.dot(points, { x: "epoch", y: validation, fill: color("--series-1") }) : null,
      ...numbered(marked, "value"),
      Plot.tip(points, Plot.pointerX({
        x: "epoch", y: validation, fill: color("--raised"), stroke: color("--line"),
        title: (d) => `epoch ${d.epoch}${training === null ? "" : `\ntraining ${format(d[training])}`}\nvalidation ${format(d[validation])}`,
      })),
    ],
  }));
}
