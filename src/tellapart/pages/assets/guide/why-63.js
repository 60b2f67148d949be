/** Why 63%: training runs of 200 epochs, epoch by epoch. */

import { chart, percent } from "charts";
import { begin, byId, facts, slider } from "lesson";
import { table, labeled } from "arithmetic";
import { color } from "theme";

const RUNS = [
  ["as-meant", "the tutorial's settings", "--series-1"],
  ["mid-2017", "settings of mid-2017", "--series-4"],
  ["early-2017", "settings of early 2017", "--series-3"],
  ["divided-twice", "divided by 255 twice", "--series-2"],
].map(([name, says, series]) => ({ ...facts.runs[name], says, series }));
const EPOCHS = RUNS[0].loss.length;
const SHOWN = {
  accuracy: { label: "held-out accuracy", domain: [0, 1], tickFormat: "%" },
  held_out_loss: { label: "held-out loss", domain: [0, 2.5] },
  loss: { label: "training loss", domain: [0, 2.5] },
};
const LABEL_AT = 32; // an epoch where no curve is near 63%
let epoch = 1;

const what = () => byId("measure").value;
const points = (values) => values.map((y, at) => ({ x: at + 1, y }));

const drawCurves = chart(byId("curves"), `Held-out accuracy by epoch. ${RUNS.map(({ says, best_epoch, accuracy }) => `${says}: highest ${percent(accuracy[best_epoch - 1])} at epoch ${best_epoch}, ${percent(accuracy.at(-1))} at epoch ${accuracy.length}`).join("; ")}.`, (width) => ({
  height: Math.max(250, Math.round(width * 0.52)),
  x: { label: "epoch", domain: [1, EPOCHS] },
  y: { ...SHOWN[what()], grid: true },
  marks: [
    ...(what() === "accuracy" ? [Plot.ruleY([facts.tutorial], { stroke: color("--soft"), strokeDasharray: "5 4" }), Plot.text([[LABEL_AT, facts.tutorial]], { text: () => "63%", dy: 9, fill: color("--soft") })] : []),
    Plot.ruleX([epoch], { stroke: color("--ink"), strokeDasharray: "3 3" }),
    ...RUNS.map((run) => Plot.line(points(run[what()]), { x: "x", y: "y", stroke: color(run.series), strokeWidth: 1.8, clip: true })),
    ...RUNS.map((run) => Plot.dot([{ x: epoch, y: run[what()][epoch - 1] }], { x: "x", y: "y", r: 4.5, fill: color(run.series), stroke: color("--raised"), strokeWidth: 1.5 })),
  ],
}));

/** A training's number at this epoch, as a table cell. */
function cell(run, name) {
  const value = run[name][epoch - 1];
  const content = labeled(name, value);
  if (name === "accuracy") content.textContent = percent(value);
  return content;
}

function show() {
  byId("at-epoch").replaceChildren(table(`After epoch ${epoch}`, ["run", "held-out accuracy", "held-out loss", "training loss"],
    RUNS.map((run) => [run.says, cell(run, "accuracy"), cell(run, "held_out_loss"), cell(run, "loss")])));
  drawCurves();
}

byId("measure").addEventListener("input", show);
slider("epoch", (value) => {
  epoch = value;
  show();
  return String(value);
});
begin();
