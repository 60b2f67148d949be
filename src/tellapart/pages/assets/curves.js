/** Loss and accuracy over the epochs, with remarks at their places. */

import { chart, percent } from "charts";
import { colour } from "theme";

export function curves(rows, remarks) {
  const points = rows.map((row) => ({ ...row, epoch: row.epoch + 1 }));
  if (!points.length) return;
  const last = points.at(-1);
  draw("chart-accuracy", "accuracy", "val_accuracy", points, remarks, (v) => percent(v),
    `Accuracy by epoch. At the end ${percent(last.accuracy)} while learning and ${percent(last.val_accuracy)} on validation pictures.`);
  draw("chart-loss", "loss", "val_loss", points, [], (v) => v.toFixed(3),
    `Loss by epoch. At the end ${last.loss.toFixed(3)} while learning and ${last.val_loss.toFixed(3)} on validation pictures.`);
}

function draw(id, learned, validated, points, remarks, format, says) {
  const marked = remarks.map((remark) => ({ ...remark, value: points[remark.epoch - 1]?.[validated] })).filter((one) => one.value != null);
  const share = learned === "accuracy";
  chart(document.getElementById(id), says, () => ({
    x: { label: "epoch", ticks: Math.min(points.length, 10), tickFormat: "d", domain: points.length > 1 ? undefined : [0, 2] },
    y: { label: share ? "accuracy" : "loss", grid: true, tickFormat: share ? "%" : undefined, nice: true },
    marks: [
      Plot.lineY(points, { x: "epoch", y: learned, stroke: colour("--series-2"), strokeWidth: 2 }),
      Plot.lineY(points, { x: "epoch", y: validated, stroke: colour("--series-1"), strokeWidth: 2 }),
      points.length === 1 ? Plot.dot(points, { x: "epoch", y: validated, fill: colour("--series-1") }) : null,
      Plot.dot(marked, { x: "epoch", y: "value", r: 5, fill: colour("--paper"), stroke: colour("--series-1"), strokeWidth: 2 }),
      Plot.text(marked, { x: "epoch", y: "value", text: (d) => String(d.epoch), dy: -13, fontWeight: 600, fill: colour("--ink") }),
      Plot.tip(points, Plot.pointerX({
        x: "epoch", y: validated, fill: colour("--raised"), stroke: colour("--line"),
        title: (d) => `epoch ${d.epoch}\nlearning ${format(d[learned])}\nvalidation ${format(d[validated])}`,
      })),
    ],
  }));
}
