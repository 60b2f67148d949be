/** Augmentation: the reader's picture shifted and mirrored, and what that did to a network. */

import { chart, percent } from "charts";
import { begin, byId, facts, slider } from "lesson";
import { drawPicture, element, fixed } from "maps";
import { chances, drawMoves, moved } from "moving";
import { color } from "theme";

const { side } = facts, CHANNELS = 3, VARIANTS = 12;
const WAYS = [{ way: "as they are", ink: "--series-2" }, { way: "shifted", ink: "--series-1" }];

/* The picture. */

const now = { picture: Uint8Array.from(atob(facts.picture), (byte) => byte.charCodeAt(0)), across: 0, up: 0, isOwn: false };
const chance = chances(1);
let variants = [];

const moves = () => ({ dy: now.up * side, dx: -now.across * side, isMirrored: byId("mirror").checked });

function drawMoved(canvas, by, fill) {
  drawPicture(canvas, moved(now.picture, side, CHANNELS, by, fill), side, side, CHANNELS);
  canvas.setAttribute("aria-label", `${now.isOwn ? "Your picture" : "The cat"}, ${inWords(by)}`);
}

function inWords({ dy, dx, isMirrored }) {
  const pixels = (amount, positive, negative) => (amount === 0 ? [] : [`${fixed(Math.abs(amount), 1)} pixels ${amount > 0 ? positive : negative}`]);
  const shifts = [...pixels(dx, "left", "right"), ...pixels(dy, "up", "down")].join(" and ");
  const shifted = shifts === "" ? "" : `shifted ${shifts}`;
  return [shifted, isMirrored ? `${shifted && "then "}mirrored` : ""].filter(Boolean).join(", ") || "unchanged";
}

function drawOne() {
  drawPicture(byId("before"), now.picture, side, side, CHANNELS);
  drawMoved(byId("after"), moves(), byId("fill").value);
  byId("says").textContent = `The picture is ${inWords(moves())}.`;
}

function drawVariants() {
  byId("variants").replaceChildren(...variants.map((by) => {
    const canvas = element("canvas", { role: "img", "data-dy": by.dy, "data-dx": by.dx, "data-mirrored": by.isMirrored });
    drawMoved(canvas, by, "nearest");
    return canvas;
  }));
}

function drawAgain() {
  variants = Array.from({ length: VARIANTS }, () => drawMoves(chance, side, facts));
  drawVariants();
  byId("variants-say").textContent = `${VARIANTS} new pictures, ${variants.filter(({ isMirrored }) => isMirrored).length} of them mirrored.`;
}

function drawAll() {
  drawOne();
  drawVariants();
}

/** Show the center square of a picture file, scaled down; it never leaves this page. */
async function readOwn([file]) {
  if (!file) return;
  try {
    const image = await createImageBitmap(file), square = Math.min(image.width, image.height);
    const canvas = element("canvas", { width: side, height: side }), context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, side, side);
    context.imageSmoothingQuality = "high";
    context.drawImage(image, (image.width - square) / 2, (image.height - square) / 2, square, square, 0, 0, side, side);
    const { data } = context.getImageData(0, 0, side, side);
    show(Uint8Array.from({ length: side * side * CHANNELS }, (_, i) => data[4 * Math.floor(i / CHANNELS) + (i % CHANNELS)]));
    byId("own-says").textContent = `The center square of your picture, scaled to ${side} × ${side} pixels.`;
  } catch {
    byId("own-says").textContent = "Your browser cannot read this file as a picture. Try a JPEG or PNG file.";
  }
}

function show(picture) {
  Object.assign(now, { picture, isOwn: true });
  byId("before").setAttribute("aria-label", "Your picture, unchanged");
  drawAll();
}

const inPercent = (share) => `${share > 0 ? "+" : ""}${fixed(100 * share, 1)}%`;

/* What it does. */

const mean = (values) => values.reduce((total, value) => total + value, 0) / values.length;
const means = Object.fromEntries(WAYS.map(({ way }) => [way, facts.distances.map((_, i) => mean(facts.moved[way].map((shares) => shares[i])))]));
let chosen = 0;

const drawEffect = chart(byId("effect"), "Accuracy on test digits by how far they are shifted: it falls later after training with shifts.", () => ({
  x: { label: "shift in pixels" },
  y: { label: "accuracy, %", domain: [0, 100], percent: true, grid: true },
  marks: [
    Plot.ruleX([facts.distances[chosen]], { stroke: color("--soft"), strokeDasharray: "3 3" }),
    ...WAYS.flatMap(({ way, ink }) => [
      ...facts.moved[way].map((seed) => Plot.line(seed, { x: (_, i) => facts.distances[i], y: (share) => share, stroke: color(ink), strokeOpacity: 0.3 })),
      Plot.line(means[way], { x: (_, i) => facts.distances[i], y: (share) => share, stroke: color(ink), strokeWidth: 3, strokeDasharray: way === "shifted" ? null : "7 3" }),
      Plot.dot([means[way][chosen]], { x: () => facts.distances[chosen], y: (share) => share, fill: color(ink), r: 5 }),
    ]),
  ],
}));

function showEffect(place) {
  chosen = place;
  drawEffect();
  const distance = facts.distances[place];
  drawPicture(byId("digit"), moved(facts.digits[3], 8, 1, { dy: 0, dx: -distance, isMirrored: false }, "nearest"), 8, 8, 1);
  const pixels = `${distance} ${distance === 1 ? "pixel" : "pixels"}`;
  byId("effect-says").textContent = `Shifted by ${pixels}: accuracy ${percent(means["as they are"][place])} after training on original digits, ${percent(means.shifted[place])} after training with shifts.`;
  return pixels;
}

/* Digits. */

function drawDigits() {
  const isMirrored = byId("mirror-digits").checked;
  byId("digits").replaceChildren(...facts.digits.map((digit, name) => {
    const canvas = element("canvas", { role: "img", "aria-label": `A ${name}${isMirrored ? ", mirrored" : ""}` });
    drawPicture(canvas, moved(digit, 8, 1, { dy: 0, dx: 0, isMirrored }, "nearest"), 8, 8, 1);
    const share = percent(facts.mirrored_classes[name], 0);
    return element("figure", {}, canvas, element("figcaption", {}, isMirrored ? `${name}: ${share}` : String(name)));
  }));
}

slider("across", (share) => ((now.across = share), drawOne(), inPercent(share)));
slider("up", (share) => ((now.up = share), drawOne(), inPercent(share)));
byId("mirror").addEventListener("input", drawOne);
byId("fill").addEventListener("input", drawOne);
byId("own").addEventListener("change", () => readOwn(byId("own").files));
byId("draw").addEventListener("click", drawAgain);
byId("mirror-digits").addEventListener("input", drawDigits);
drawAgain();
slider("distance", showEffect);
drawDigits();
begin();
