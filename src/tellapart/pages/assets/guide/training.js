/** Training, live: a small network on the digits, run, paused and stepped; by tellapart itself, or from a recording. */

import { chart, percent } from "charts";
import { begin, byId, facts, isLive } from "lesson";
import { drawMap, drawPicture, element } from "maps";
import { color, drawInTheme } from "theme";
import { Live, Recording } from "trainings";

const EVERY = 150; // milliseconds from one look to the next
const AFTER_TROUBLE = 1000;
const INKS = { accuracy: "--series-1", loss: "--series-2" };

let source = null, frames = [], turns = 0;
let note = ""; // said before the first step
let spoken = 0; // the last epoch whose end was told aloud
const last = () => frames.at(-1);

/** Begin anew: a training takes the place of the one before it as soon as it is there. */
async function start() {
  const rate = byId("rate").value, turn = ++turns;
  const made = isLive ? new Live(rate) : new Recording(facts.recordings[rate]);
  await made.begin();
  if (turn !== turns) return; // begun again meanwhile
  [source, frames, spoken] = [made, [], 0];
  await look();
}

function startAgain() {
  note = ` Begun again at a learning rate of ${byId("rate").value}: press Run.`;
  return trying(start);
}

/** Write how it stands; a screen reader is told, where it would otherwise never come to an end, only now and then. */
function say(text, aloud) {
  byId("standing").textContent = text;
  if (aloud) byId("standing-aloud").textContent = text;
}

/** Whether a frame ends an epoch that has not been told of aloud. */
function endsEpoch() {
  const epoch = Math.floor(last().epoch);
  const isNew = epoch !== spoken;
  spoken = epoch;
  return isNew;
}

/** Fetch what is new and draw it. */
async function look() {
  const asked = source, count = frames.length;
  const told = await asked.since(count);
  if (asked !== source || count !== frames.length) return; // begun again, or looked twice at once
  if (told.error) throw new Error(told.error);
  frames.push(...told.frames);
  if (!last()) say("tellapart gets ready.", true);
  byId("run").textContent = told.running ? "Pause" : "Run";
  for (const id of ["run", "step"]) byId(id).setAttribute("aria-disabled", String(told.over));
  if (told.frames.length) draw(!told.running);
  if (told.over) say(`${standing()} That was the last step.`, told.frames.length > 0);
}

/** Do something that tellapart must answer to; where it does not, say so. Whether it did. */
async function trying(what) {
  try {
    await what();
    return true;
  } catch (reason) {
    say(`tellapart does not answer as it should (${reason.message}). Press Begin again; if it has ended, start it first with: tellapart learn`, true);
    byId("run").textContent = "Run";
    return false;
  }
}

/** One look after the other, each only when the one before has come back. */
async function watch() {
  const went = source ? await trying(look) : true;
  if (!went) source = null; // until somebody begins again
  setTimeout(watch, went ? EVERY : AFTER_TROUBLE);
}

const standing = () => `Step ${last().step}, epoch ${last().epoch.toFixed(1)}: ${percent(last().accuracy)} of the test digits right${last().loss == null ? "" : `, loss of the batch ${last().loss.toFixed(3)}`}.${last().step ? "" : note}`;

function draw(aloud) {
  say(standing(), endsEpoch() || aloud);
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

const known = (what) => frames.filter((one) => one[what] != null);
const GUESS = Math.log(10); // the loss of a guess among ten
const tops = { accuracy: () => 1, loss: () => Math.max(GUESS, ...known("loss").map((one) => one.loss)) };

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
  line("accuracy", "Share of the test digits answered rightly, by step.", "%"),
  line("loss", "Loss of each batch, by step.", undefined),
];
byId("run").addEventListener("click", () => press(byId("run").textContent === "Pause" ? "pause" : "run"));
byId("step").addEventListener("click", () => press("step"));
byId("again").addEventListener("click", startAgain);
byId("rate").addEventListener("input", startAgain);
await trying(start);
drawInTheme(() => {
  drawPicture(byId("digit"), facts.digit, 8, 8, 1);
  if (last()) drawKernels(); // tellapart may still be getting ready
});
watch();
begin();
