/** Dog or cat: a photo made smaller and what the model predicts, a rule that fails, and the reader's own photo. */

import { chart, percent } from "charts";
import { begin, byId, facts, isLive, slider } from "lesson";
import { drawPicture, element } from "maps";
import { sum } from "arithmetic";
import { color } from "theme";

const PHOTO = facts.sides[0], EDGE = (facts.wide - facts.frame) / 2;
const pictures = new Map(Object.entries(facts.pixels).map(([side, text]) => [Number(side), bytes(text)]));

function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** The photo's own pixels, as the browser decodes them. */
async function decoded() {
  const image = element("img", { src: `data:image/jpeg;base64,${facts.photo}` });
  await image.decode();
  const context = new OffscreenCanvas(PHOTO, PHOTO).getContext("2d");
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, PHOTO, PHOTO).data.filter((_, i) => i % 4 < 3);
}

/** The pixels in the order of Park and Miller's random numbers, as tellapart shuffled them for the model. */
function shuffled(values) {
  const count = values.length / 3;
  const keys = new Float64Array(count);
  for (let i = 0, state = 1; i < count; i++) keys[i] = state = (state * 16807) % 2147483647;
  const order = [...keys.keys()].sort((a, b) => keys[a] - keys[b]);
  return Uint8Array.from({ length: values.length }, (_, i) => values[3 * order[Math.floor(i / 3)] + (i % 3)]);
}

/** The likeliest thing of an answer in words, with the likeliest kind of it. */
function inWords({ things: [[name, probability]], kind }) {
  return `${name} with a probability of ${percent(probability)}${kind == null ? "" : ` (${kind[0]} ${percent(kind[1])})`}`;
}

/** Fill a table with an answer's things, their probabilities and bars; the likeliest stands out. Returns it in words. */
function bars(table, answer) {
  table.tBodies[0].replaceChildren(...answer.things.map(([name, probability], i) => element("tr", i === 0 ? { class: "first" } : {},
    element("th", { scope: "row" }, name),
    element("td", { class: "bar", style: `--share: ${probability}` }, element("span", {}, percent(probability))))));
  return inWords(answer);
}

function showPhoto() {
  const side = facts.sides.at(-1 - Number(byId("side").value)), isShuffled = byId("shuffled").checked;
  const values = isShuffled ? shuffled(pictures.get(side)) : pictures.get(side);
  drawPicture(byId("photo"), values, side, side, 3);
  const prediction = bars(byId("photo-bars"), facts[isShuffled ? "shuffled" : "answers"][side]);
  byId("photo-says").textContent = `${(side * side * 3).toLocaleString("en")} numbers${isShuffled ? ", shuffled" : ""}: the model predicts ${prediction}.`;
  return `${side} × ${side} pixels`;
}

/** The middle of the wider picture, with the cat `shift` pixels to the right, perhaps mirrored; three numbers a pixel. */
function moved(shift, isMirrored) {
  const values = pictures.get(facts.wide), side = facts.frame;
  return Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const place = Math.floor(i / 3), column = place % side, row = Math.floor(place / side);
    const from = EDGE - shift + (isMirrored ? side - 1 - column : column);
    return values[3 * ((EDGE + row) * facts.wide + from) + (i % 3)];
  });
}

const still = moved(0, false);
const plain = Uint8Array.from(still, (_, i) => facts.plain.color[i % 3]);
const distance = (values) => sum(Array.from(values, (one, i) => Math.abs(one - still[i]))) / values.length;

const awayAt = (shift) => distance(moved(shift, byId("mirrored").checked));

const drawDistances = chart(byId("distances"), "Average difference between the cat and the moved cat, by pixels moved, and between the cat and a plain square.", () => ({
  height: 240,
  x: { label: "pixels to the right", ticks: facts.shifts, tickFormat: "d" },
  y: { label: "average difference", domain: [0, 45], grid: true },
  marks: [
    Plot.ruleY([distance(plain)], { stroke: color("--series-2"), strokeDasharray: "5 4", strokeWidth: 2 }),
    Plot.text([[facts.shifts[0], distance(plain)]], { text: ["the plain square"], textAnchor: "start", dx: 6, dy: 11, fill: color("--series-2") }),
    Plot.line(facts.shifts, { x: (one) => one, y: awayAt, stroke: color("--series-1"), strokeWidth: 2 }),
    Plot.dot([Number(byId("shift").value)], { x: (one) => one, y: awayAt, r: 6, fill: color("--series-1") }),
  ],
}));

function showRule() {
  const shift = Number(byId("shift").value), away = awayAt(shift), square = distance(plain);
  const answer = facts[byId("mirrored").checked ? "mirrored" : "moved"][facts.shifts.indexOf(shift)];
  drawPicture(byId("moved"), moved(shift, byId("mirrored").checked), facts.frame, facts.frame, 3);
  byId("moved-distance").textContent = away.toFixed(1);
  const nearer = away < square ? "this cat" : "the plain square";
  byId("rule-says").textContent = `By this rule, ${nearer} is more like the cat. The model predicts ${inWords(answer)}.`;
  drawDistances();
  return String(shift);
}

function beginRule() {
  drawPicture(byId("cat"), still, facts.frame, facts.frame, 3);
  drawPicture(byId("plain"), plain, facts.frame, facts.frame, 3);
  byId("plain-distance").textContent = distance(plain).toFixed(1);
  byId("mirrored").addEventListener("input", slider("shift", showRule));
}

/** Show the middle of the reader's photo at the model's resolution. Returns whether the browser can read it. */
async function preview(file) {
  const image = await createImageBitmap(file).catch(() => null);
  byId("own-seen").hidden = image == null;
  if (image == null) return false;
  const side = Math.min(image.width, image.height), canvas = byId("own-small");
  canvas.width = canvas.height = facts.model.side;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, facts.model.side, facts.model.side);
  return true;
}

/** The prediction for a file, by the tellapart that serves this page; or its `error`. */
async function predicted(file) {
  const headers = { "Content-Type": "application/octet-stream" };
  const response = await fetch(`answer?name=${encodeURIComponent(file.name)}`, { method: "POST", headers, body: file }).catch(() => null);
  if (response == null) return { error: "tellapart does not respond. Is it still running?" };
  return response.json().catch(() => ({ error: `tellapart failed with status ${response.status}.` }));
}

let latest = 0, predictions = 0;

async function ask(file) {
  const turn = ++latest, says = byId("own-says"), table = byId("own-bars");
  table.hidden = true;
  says.textContent = "";
  const seen = preview(file);
  if (!isLive) {
    says.textContent = (await seen) ? "" : `Your browser cannot read ${file.name} as a picture. Try a JPEG or a PNG.`;
    return;
  }
  says.textContent = predictions ? "Predicting …" : "Predicting … The first prediction takes a while, because the model is loading.";
  const answer = await predicted(file);
  predictions += 1;
  if (turn !== latest) return; // another photo was chosen meanwhile
  if (answer.error != null) {
    says.textContent = answer.error;
    return;
  }
  const prediction = bars(table, answer);
  table.hidden = false;
  says.textContent = `The model predicts ${prediction}.${answer.unfamiliar ? " But the photo may be unlike its training pictures, so do not rely on this." : ""}`;
}

pictures.set(PHOTO, await decoded());
byId("shuffled").addEventListener("input", slider("side", showPhoto));
beginRule();
byId("own-photo").addEventListener("change", () => byId("own-photo").files.length && ask(byId("own-photo").files[0]));
begin();
