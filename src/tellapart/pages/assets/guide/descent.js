/** Gradient descent: one weight on a curve, five optimizers on a landscape, and the tutorial's learning rate. */

import { chart, percent } from "charts";
import { begin, byId, facts, plain, slider, labeled } from "lesson";
import { element, fixed } from "maps";
import { equation } from "arithmetic";
import { adam, momentum, muon, rmsprop, sgd, walk } from "optimizers";
import { color } from "theme";

const REACH = 2;
const RATES = [1e-3, 1e-2, 1e-1].flatMap((ten) => [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].map((digit) => Number((ten * digit).toPrecision(2)))).concat(1);

const LANDSCAPES = {
  valley: {
    loss: ([x, y]) => 0.5 * x * x + 0.5 * facts.steep * y * y,
    slope: ([x, y]) => [x, facts.steep * y],
    lines: [0.05, 0.2, 0.5, 1, 2, 4, 7, 11, 16, 22, 30],
  },
  saddle: {
    loss: ([x, y]) => (x * x - 1) ** 2 + 2 * y * y,
    slope: ([x, y]) => [4 * x * (x * x - 1), 4 * y],
    lines: [0.05, 0.2, 0.5, 1, 1.6, 2.5, 4, 6, 8, 11, 14],
  },
};

const OPTIMIZERS = [
  { name: "sgd", title: "gradient descent", step: sgd, ink: "--ink", symbol: "circle" },
  { name: "momentum", title: "momentum", step: momentum, ink: "--series-1", symbol: "square" },
  { name: "rmsprop", title: "RMSprop", step: rmsprop, ink: "--series-2", symbol: "triangle" },
  { name: "adam", title: "Adam", step: adam, ink: "--series-3", symbol: "diamond" },
  { name: "muon", title: "Muon", step: muon, ink: "--right", symbol: "star" },
];

/* One weight. */

const single = { weight: 0, rate: 0 };
const onCurve = (weight) => ({ weight, loss: weight * weight });
const slopeOf = (weight) => 2 * weight;

function tenSteps() {
  const weights = [single.weight];
  for (let step = 0; step < 10; step++) weights.push(weights.at(-1) - single.rate * slopeOf(weights.at(-1)));
  return weights;
}

function curveOptions() {
  const curve = Array.from({ length: 121 }, (_, i) => onCurve(-3 + i / 20));
  const slope = slopeOf(single.weight), at = onCurve(single.weight);
  const tangent = [-0.7, 0.7].map((away) => ({ weight: at.weight + away, loss: at.loss + away * slope }));
  return {
    x: { domain: [-3, 3], label: "weight" },
    y: { domain: [-1, 9], label: "loss", grid: true },
    marks: [
      Plot.line(curve, { x: "weight", y: "loss", stroke: color("--soft"), strokeWidth: 2 }),
      Plot.line(tangent, { x: "weight", y: "loss", stroke: color("--series-2"), strokeWidth: 3 }),
      Plot.line(tenSteps().map(onCurve), { x: "weight", y: "loss", stroke: color("--series-1"), clip: true }),
      Plot.dot(tenSteps().map(onCurve), { x: "weight", y: "loss", r: 3.5, fill: color("--series-1"), clip: true }),
      Plot.dot([at], { x: "weight", y: "loss", r: 6, fill: color("--series-2") }),
    ],
  };
}

function showArithmetic() {
  const slope = slopeOf(single.weight), weights = tenSteps();
  byId("step-says").replaceChildren(
    equation("slope ", labeled("slope", slope)),
    equation("new weight = ", labeled("weight", single.weight), " − ", labeled("rate", single.rate), " × ", labeled("slope", slope), " = ", labeled("next", weights[1], true)),
    equation("after ten steps ", labeled("tenth", weights[10], true)));
}

const drawCurve = chart(byId("curve"), "The loss of one weight as a curve, its slope as a straight line, and ten steps of gradient descent.", curveOptions);
const moveOne = (name) => (value) => ((single[name] = value), drawCurve(), showArithmetic(), String(value));

/* Two weights. */

const now = { landscape: "valley", rate: 0, start: [0, 0], shown: 0, noise: "", playing: null };
now.paths = Object.fromEntries(OPTIMIZERS.map(({ name }) => [name, [now.start]]));
const isShown = ({ name }) => byId(`shows-${name}`).checked;
const shownPath = ({ name }) => now.paths[name].slice(0, now.shown + 1);

function walkAll() {
  const { slope } = LANDSCAPES[now.landscape];
  const noise = facts.noise[now.noise] ?? Array(facts.steps).fill([0, 0]);
  for (const { name, step } of OPTIMIZERS) now.paths[name] = walk(step, facts.settings, now.rate, slope, now.start, noise);
  drawAll();
}

function mapOptions(width) {
  const { loss, lines } = LANDSCAPES[now.landscape];
  const shade = d3.interpolateRgb(color("--raised"), color("--accent"));
  const side = { domain: [-REACH, REACH] };
  return {
    height: width - 10,
    x: { ...side, label: "x" },
    y: { ...side, label: "y" },
    color: { type: "threshold", domain: lines, range: lines.map((_, i) => shade(0.42 * (1 - i / lines.length) ** 1.5)).concat(shade(0)) },
    marks: [
      Plot.contour({ fill: (x, y) => loss([x, y]), x1: -REACH, x2: REACH, y1: -REACH, y2: REACH, pixelSize: 4, thresholds: [0, ...lines], stroke: color("--soft"), strokeOpacity: 0.25 }),
      ...OPTIMIZERS.filter(isShown).flatMap((optimizer) => {
        const path = shownPath(optimizer), ink = color(optimizer.ink);
        return [
          Plot.line(path, { stroke: ink, strokeWidth: 1.6, clip: true }),
          Plot.dot(path, { r: 1.6, fill: ink, clip: true }),
          Plot.dot(path.slice(-1), { symbol: optimizer.symbol, r: 6, fill: ink, stroke: color("--raised"), clip: true }),
        ];
      }),
      Plot.dot([now.start], { r: 7, stroke: color("--ink"), strokeWidth: 2 }),
    ],
  };
}

function lossOptions(width) {
  const { loss } = LANDSCAPES[now.landscape];
  const least = 1e-6, most = 100;
  return {
    height: width - 10,
    marginLeft: 62,
    x: { domain: [0, Math.max(40, now.shown)], label: "step" },
    y: { type: "log", domain: [least, most], label: "loss", grid: true, ticks: [1e-6, 1e-4, 0.01, 1, 100], tickFormat: (value) => String(d3.format(".6~f")(value)) },
    marks: OPTIMIZERS.filter(isShown).flatMap((optimizer) => {
      const points = shownPath(optimizer).map((place, step) => ({ step, loss: Math.max(least, Math.min(most, loss(place))) }));
      const ink = color(optimizer.ink);
      return [
        Plot.line(points, { x: "step", y: "loss", stroke: ink, strokeWidth: 2 }),
        Plot.dot(points.slice(-1), { x: "step", y: "loss", symbol: optimizer.symbol, r: 5, fill: ink, stroke: color("--raised") }),
      ];
    }),
  };
}

byId("standings").replaceChildren(...OPTIMIZERS.map(row));
const drawMap = chart(byId("map"), "The landscape from above: contours of equal loss, and the paths of the optimizers.", mapOptions);
const drawLoss = chart(byId("losses"), "The loss of each optimizer, step by step.", lossOptions);

function drawAll() {
  drawMap();
  drawLoss();
  const { loss } = LANDSCAPES[now.landscape];
  const standing = OPTIMIZERS.map((optimizer) => ({ ...optimizer, place: now.paths[optimizer.name][now.shown] }));
  for (const { name, place } of standing) {
    const values = place ? { x: place[0], y: place[1], loss: loss(place) } : {};
    for (const what of ["x", "y", "loss"]) write(byId(`${name}-${what}`), values[what], what === "loss" ? short : (value) => fixed(value, 3));
  }
  const best = standing.filter((optimizer) => optimizer.place && isShown(optimizer)).sort((a, b) => loss(a.place) - loss(b.place))[0];
  if (!now.playing && best) byId("standing").textContent = `After ${now.shown} steps, ${best.title} has the lowest loss: ${short(loss(best.place))}.`;
}

function write(cell, value, format) {
  cell.textContent = value === undefined ? "diverged" : format(value);
  if (value === undefined) delete cell.dataset.value;
  else cell.dataset.value = value;
}

const LARGE = { notation: "compact", compactDisplay: "long", maximumSignificantDigits: 2 };
const short = (value) => (Math.abs(value) >= 1e4 ? value.toLocaleString("en", LARGE) : Math.abs(value) >= 100 ? value.toFixed(0) : plain(value));

function row({ name, title, ink, symbol }) {
  const shape = d3.symbol(d3[`symbol${symbol[0].toUpperCase()}${symbol.slice(1)}`], 90)();
  const swatch = element("span", { "aria-hidden": "true" });
  swatch.innerHTML = `<svg class="swatch" viewBox="-8 -8 16 16"><path d="${shape}" fill="var(${ink})"/></svg>`;
  const box = element("input", { type: "checkbox", id: `shows-${name}` });
  box.checked = true;
  box.addEventListener("input", drawAll);
  const cells = ["loss", "x", "y"].map((what) => element("td", { id: `${name}-${what}` }));
  return element("tr", {}, element("th", { scope: "row" }, element("label", {}, box, swatch, title)), ...cells);
}

function showSteps(count) {
  byId("steps").value = count;
  byId("steps").dispatchEvent(new Event("input"));
}

function pause() {
  clearInterval(now.playing);
  now.playing = null;
  byId("play").textContent = "Play";
  drawAll();
}

function play() {
  if (now.playing) return pause();
  if (now.shown >= facts.steps) showSteps(0);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return showSteps(facts.steps);
  byId("play").textContent = "Pause";
  now.playing = setInterval(() => (now.shown < facts.steps ? showSteps(now.shown + 1) : pause()), 90);
}

function startAt(event) {
  const drawing = byId("map").querySelector("svg"), box = drawing.getBoundingClientRect();
  const inside = (value) => Math.max(-REACH, Math.min(REACH, value));
  byId("start-x").value = inside(drawing.scale("x").invert(((event.clientX - box.left) / box.width) * drawing.width.baseVal.value));
  byId("start-y").value = inside(drawing.scale("y").invert(((event.clientY - box.top) / box.height) * drawing.height.baseVal.value));
  for (const id of ["start-x", "start-y"]) byId(id).dispatchEvent(new Event("input"));
}

/* The tutorial's rate. */

const rateAt = { epochs: 0 };
const drawRate = chart(byId("rates"), "The tutorial's learning rate, epoch by epoch: it falls to three quarters.", () => ({
  x: { label: "epochs" },
  y: { domain: [0, facts.rates[0]], label: "learning rate", grid: true, tickFormat: (value) => value.toFixed(5) },
  marginLeft: 62,
  marks: [
    Plot.line(facts.rates, { x: (_, i) => i, y: (rate) => rate, stroke: color("--series-1"), strokeWidth: 2.5 }),
    Plot.dot([rateAt.epochs], { x: (epochs) => epochs, y: (epochs) => facts.rates[epochs], r: 5, fill: color("--series-2") }),
  ],
}));

function showRate(epochs) {
  rateAt.epochs = epochs;
  drawRate();
  const rate = facts.rates[epochs];
  byId("rates-say").textContent = `After ${(epochs * facts.steps_per_epoch).toLocaleString("en")} steps the rate is ${rate.toFixed(8)}, ${percent(rate / facts.rates[0])} of its initial value.`;
  return String(epochs);
}

for (const name of ["weight", "rate"]) slider(`one-${name}`, moveOne(name));
walkAll();
slider("steps", (count) => ((now.shown = count), drawAll(), String(count)));
slider("rate", (place) => ((now.rate = RATES[place]), walkAll(), String(now.rate)));
["start-x", "start-y"].forEach((id, i) => slider(id, (value) => ((now.start = now.start.with(i, value)), walkAll(), value.toFixed(2))));
byId("landscape").addEventListener("input", () => ((now.landscape = byId("landscape").value), walkAll()));
byId("noise").addEventListener("input", () => ((now.noise = byId("noise").value), walkAll()));
byId("step").addEventListener("click", () => showSteps(Math.min(facts.steps, now.shown + 1)));
byId("reset").addEventListener("click", () => (pause(), showSteps(0)));
byId("play").addEventListener("click", play);
byId("map").addEventListener("pointerdown", startAt);
byId("map").addEventListener("pointermove", (event) => event.pointerType === "mouse" && event.buttons && startAt(event));
slider("epochs", showRate);
begin();
