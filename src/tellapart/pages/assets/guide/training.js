/** Training, live: a small network on the digits, run, paused and stepped; by tellapart itself, or from a recording. */

import { chart, percent } from "charts";
import { begin, byId, facts, isLive } from "lesson";
import { drawMap, drawPicture, element } from "maps";
import { colour, drawInTheme } from "theme";
import { Live, Recording } from "trainings";

const EVERY = 150; // milliseconds from one look to the next

let source, frames = [];
const last = () => frames.at(-1);

async function start() {
  const rate = byId("rate").value;
  const made = isLive ? new Live(rate) : new Recording(facts.recordings[rate]);
  source = made;
  frames = [];
  await source.begin();
  if (source === made) await look();
}

/** Fetch what is new and draw it. */
async function look() {
  const asked = source, count = frames.length;
  const told = await asked.since(count);
  if (asked !== source || count !== frames.length) return; // begun again, or looked twice at once
  frames.push(...told.frames);
  if (!last()) byId("standing").textContent = "tellapart gets ready.";
  byId("run").textContent = told.running ? "Pause" : "Run";
  for (const id of ["run", "step"]) byId(id).setAttribute("aria-disabled", String(told.over));
  if (told.frames.length) draw();
  if (told.over) byId("standing").textContent = `${standing()} That was the last step.`;
}

/** One look after the other, each only when the one before has come back. */
async function watch() {
  try {
    await look();
  } catch (reason) {
    byId("standing").textContent = `tellapart does not answer any more (${reason.message}). Start it again with: tellapart learn`;
    return;
  }
  setTimeout(watch, EVERY);
}

const standing = () => `Step ${last().step}, epoch ${last().epoch.toFixed(1)}: ${percent(last().accuracy)} of the test digits right${last().loss == null ? "" : `, loss of the batch ${last().loss.toFixed(3)}`}.`;

function draw() {
  byId("standing").textContent = standing();
  drawKernels();
  drawAnswer();
  drawCharts.forEach((one) => one());
}

function drawKernels() {
  const { filters, side } = facts, area = side * side;
  const most = Math.max(...last().filters.map(Math.abs), 1e-9);
  const canvases = [...byId("kernels").children];
  for (let i = 0; i < filters; i++) drawMap(canvases[i], last().filters.slice(i * area, (i + 1) * area), side, side, most);
}

function drawAnswer() {
  byId("says").replaceChildren(...last().answer.flatMap((share, digit) => {
    const mark = digit === facts.label ? "truth" : "";
    const bar = element("i", { style: `width: ${100 * share}%` });
    return [element("span", { class: mark }, String(digit)), element("span", {}, bar), element("span", { class: mark }, percent(share))];
  }));
}

const line = (what, says, format) => chart(byId(`chart-${what}`), says, (width) => ({
  height: Math.round(width * 0.45),
  x: { label: "step", domain: [0, Math.max(20, last()?.step ?? 0)] },
  y: { label: what, grid: true, tickFormat: format, domain: what === "accuracy" ? [0, 1] : undefined, zero: true },
  marks: [Plot.lineY(frames.filter((one) => one[what] != null), { x: "step", y: what, stroke: colour(what === "loss" ? "--series-2" : "--series-1"), strokeWidth: 2 })],
}));

async function press(command) {
  if (byId(command === "pause" ? "run" : command).getAttribute("aria-disabled") === "true") return;
  await source[command]();
  await look();
}

byId("kernels").append(...Array.from({ length: facts.filters }, (_, i) => element("canvas", { role: "img", "aria-label": `filter ${i + 1}` })));
const drawCharts = [
  line("accuracy", "Share of the test digits answered rightly, by step.", "%"),
  line("loss", "Loss of each batch, by step.", undefined),
];
byId("run").addEventListener("click", () => press(byId("run").textContent === "Pause" ? "pause" : "run"));
byId("step").addEventListener("click", () => press("step"));
byId("again").addEventListener("click", start);
byId("rate").addEventListener("input", start);
await start();
drawInTheme(() => {
  drawPicture(byId("digit"), facts.digit, 8, 8, 1);
  if (last()) drawKernels(); // tellapart may still be getting ready
});
watch();
begin();
