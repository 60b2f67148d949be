/** Training, live: run, pause and step a small network on the digits, trained by tellapart or from a recording. */

import { chart, percent } from "charts";
import { begin, byId, facts, isLive } from "lesson";
import { drawMap, drawPicture, element } from "maps";
import { color, drawInTheme } from "theme";
import { Live, Recording } from "trainings";

const EVERY = 150; // milliseconds between two polls
const AFTER_TROUBLE = 1000;
const INKS = { accuracy: "--series-1", loss: "--series-2" };

let source = null, frames = [], turns = 0;
let note = ""; // shown before the first step
let spoken = 0; // the last epoch announced to screen readers
const last = () => frames.at(-1);

/** Start a training; it replaces the one before it as soon as it is ready. */
async function start() {
  const rate = byId("rate").value, turn = ++turns;
  const next = isLive ? new Live(rate) : new Recording(facts.recordings[rate]);
  await next.begin();
  if (turn !== turns) return; // restarted meanwhile
  [source, frames, spoken] = [next, [], 0];
  await look();
}

function restart() {
  note = ` Restarted with learning rate ${byId("rate").value}: press Run.`;
  return trying(start);
}

/** Write the state; screen readers hear it only if `aloud`, so that they are not flooded. */
function say(text, aloud) {
  byId("standing").textContent = text;
  if (aloud) byId("standing-aloud").textContent = text;
}

/** Whether the last frame ends an epoch that has not been announced. */
function endsEpoch() {
  const epoch = Math.floor(last().epoch);
  const isNew = epoch !== spoken;
  spoken = epoch;
  return isNew;
}

/** Fetch new frames and draw them. */
async function look() {
  const current = source, count = frames.length;
  const update = await current.since(count);
  if (current !== source || count !== frames.length) return; // restarted, or polled twice at once
  if (update.error) throw new Error(update.error);
  frames.push(...update.frames);
  if (!last()) say("tellapart is getting ready.", true);
  byId("run").textContent = update.running ? "Pause" : "Run";
  for (const id of ["run", "step"]) byId(id).setAttribute("aria-disabled", String(update.over));
  if (update.frames.length) draw(!update.running);
  if (update.over) say(`${standing()} Training finished.`, update.frames.length > 0);
}

/** Run an action that needs tellapart, and report a failure. Returns whether it succeeded. */
async function trying(action) {
  try {
    await action();
    return true;
  } catch (reason) {
    say(`tellapart did not answer (${reason.message}). Press Restart; if tellapart has stopped, first start it with: tellapart learn`, true);
    byId("run").textContent = "Run";
    return false;
  }
}

/** Poll again and again, each time only after the previous poll has returned. */
async function watch() {
  const succeeded = source ? await trying(look) : true;
  if (!succeeded) source = null; // until a restart
  setTimeout(watch, succeeded ? EVERY : AFTER_TROUBLE);
}

const standing = () => `Step ${last().step}, epoch ${last().epoch.toFixed(1)}: test accuracy ${percent(last().accuracy)}${last().loss == null ? "" : `, batch loss ${last().loss.toFixed(3)}`}.${last().step ? "" : note}`;

function draw(aloud) {
  say(standing(), endsEpoch() || aloud);
  drawKernels();
  drawPrediction();
  drawCharts.forEach((draw) => draw());
}

function drawKernels() {
  const { filters, side } = facts, area = side * side;
  const most = Math.max(...last().filters.map(Math.abs), 1e-9);
  const canvases = [...byId("kernels").children];
  for (let i = 0; i < filters; i++) drawMap(canvases[i], last().filters.slice(i * area, (i + 1) * area), side, side, most);
}

function drawPrediction() {
  byId("says").replaceChildren(...last().answer.flatMap((share, digit) => {
    const mark = digit === facts.label ? "target" : "";
    const bar = element("i", { style: `width: ${100 * share}%` });
    return [element("span", { class: mark }, String(digit)), element("span", {}, bar), element("span", { class: mark }, percent(share))];
  }));
}

const known = (what) => frames.filter((frame) => frame[what] != null);
const GUESS = Math.log(10); // the loss of a uniform guess
const tops = { accuracy: () => 1, loss: () => Math.max(GUESS, ...known("loss").map(({ loss }) => loss)) };

const line = (what, says, format) => chart(byId(`chart-${what}`), says, (width) => ({
  height: Math.round(width * 0.45),
  x: { label: "step", domain: [0, Math.max(20, last()?.step ?? 0)] },
  y: { label: what, grid: true, tickFormat: format, domain: [0, tops[what]()] },
  marks: [
    Plot.lineY(known(what), { x: "step", y: what, stroke: color(INKS[what]), strokeWidth: 2 }),
    Plot.dot(known(what).slice(-1), { x: "step", y: what, r: 3.5, fill: color(INKS[what]) }),
  ],
}));

async function press(command) {
  if (!source || byId(command === "pause" ? "run" : command).getAttribute("aria-disabled") === "true") return;
  await trying(async () => {
    await source[command]();
    await look();
  });
}

byId("kernels").append(...Array.from({ length: facts.filters }, (_, i) => element("canvas", { role: "img", "aria-label": `filter ${i + 1}` })));
const drawCharts = [
  line("accuracy", "Test accuracy, by step.", "%"),
  line("loss", "Batch loss, by step.", undefined),
];
byId("run").addEventListener("click", () => press(byId("run").textContent === "Pause" ? "pause" : "run"));
byId("step").addEventListener("click", () => press("step"));
byId("again").addEventListener("click", restart);
byId("rate").addEventListener("input", restart);
await trying(start);
drawInTheme(() => {
  drawPicture(byId("digit"), facts.digit, 8, 8, 1);
  if (last()) drawKernels(); // tellapart may still be getting ready
});
watch();
begin();
