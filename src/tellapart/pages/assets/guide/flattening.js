/** Flattening: every number moves from its place in the picture to its index in the vector. */

import { byId, facts, slider } from "lesson";
import { equation, labeled } from "arithmetic";

const WIDTH = 640, ROW = { top: 280, height: 24 }, GAP = 26;
const SHOWN = {
  digit: { side: 8, channels: 1, cell: 30, values: facts.digits[2].pixels, paint: (value) => Array(3).fill(Math.round(255 - (255 * value) / 16)) },
  cat: { side: 4, channels: 3, cell: 44, values: facts.cat, paint: (value, channel) => [0, 1, 2].map((one) => (one === channel ? Math.round(70 + 0.72 * value) : 45)) },
};
const at = { row: 0, column: 0, channel: 0, way: 0 };
const shown = () => SHOWN[byId("what").value];

/** A number's index in the vector, in its three parts. */
export function placeOf({ side, channels }, { row, column, channel }) {
  return [row * side * channels, column * channels, channel];
}

const indexOf = (picture, where) => placeOf(picture, where).reduce((total, one) => total + one, 0);

/** Where a number is at the beginning, with one sheet per channel, and at the end. */
function ends({ side, channels, cell, values }, index) {
  const channel = index % channels, place = Math.floor(index / channels), thin = WIDTH / values.length;
  const left = (WIDTH - channels * side * cell - (channels - 1) * GAP) / 2;
  return [
    { x: left + channel * (side * cell + GAP) + (place % side) * cell, y: 4 + Math.floor(place / side) * cell, width: cell, height: cell },
    { x: index * thin, y: ROW.top, width: thin, height: ROW.height },
  ];
}

/** Where a number is now: they leave one after another, the first of the vector first. */
function now(picture, index) {
  const [from, to] = ends(picture, index), count = picture.values.length, flight = count / 2;
  const share = Math.max(0, Math.min(1, ((at.way / 100) * (count + flight) - index) / flight));
  return Object.fromEntries(Object.keys(from).map((name) => [name, from[name] + share * (to[name] - from[name])]));
}

const box = ({ x, y, width, height }, more) => `<rect x="${x.toFixed(2)}" y="${y.toFixed(2)}" width="${width.toFixed(2)}" height="${height.toFixed(2)}" ${more}/>`;

function draw() {
  const picture = shown(), thin = WIDTH / picture.values.length, chosen = indexOf(picture, at);
  const empty = [...picture.values].map((_, index) => box(ends(picture, index)[0], `data-place="${index}" fill="transparent" stroke="var(--line)"`));
  const cells = [...picture.values].map((value, index) =>
    box(now(picture, index), `data-place="${index}" fill="rgb(${picture.paint(value, index % picture.channels)})" stroke="var(--line)" stroke-width=".6"`));
  let x = 0;
  const parts = placeOf(picture, at).map((count, i) => {
    const part = box({ x, y: ROW.top + ROW.height + 6, width: count * thin, height: 8 }, `fill="var(--series-${i + 1})"`);
    x += count * thin;
    return part;
  });
  const [from, to] = ends(picture, chosen), middle = ({ x, y, width, height }) => `${x + width / 2} ${y + height / 2}`;
  byId("flight").innerHTML = [
    box({ x: 0, y: ROW.top, width: WIDTH, height: ROW.height }, 'fill="none" stroke="var(--soft)"'), ...empty, ...cells, ...parts,
    box(from, 'fill="none" stroke="#d6006c" stroke-dasharray="4 4"'),
    `<path d="M${middle(from)} L${middle(to)}" stroke="#d6006c" stroke-width="1.5" stroke-dasharray="4 4" fill="none"/>`,
    box(now(picture, chosen), 'fill="none" stroke="#fff" stroke-width="5"'), box(now(picture, chosen), 'fill="none" stroke="#d6006c" stroke-width="3"'),
  ].join("");
  byId("flight").setAttribute("aria-label", `${picture.values.length} numbers, ${at.way}% of the way from the picture to the vector; one is framed.`);
  say(picture, chosen);
}

function say({ side, channels, values }, chosen) {
  const parts = channels === 1
    ? [`row ${at.row} × width ${side} + column ${at.column}`]
    : [`row ${at.row} × width ${side} × ${channels} channels + column ${at.column} × ${channels} channels + channel ${at.channel}`];
  byId("place").replaceChildren(equation(...parts, " = index ", labeled("place", chosen, true), ` of 0 to ${values.length - 1}. The number there is `, labeled("value", values[chosen]), "."));
}

/** Let the sliders reach as far as the picture. */
function resize() {
  const { side, channels } = shown();
  for (const id of ["channel-line", "channel-legend"]) byId(id).hidden = channels === 1;
  for (const [id, count] of [["row", side], ["column", side], ["channel", channels]]) {
    byId(id).max = count - 1;
    byId(id).dispatchEvent(new Event("input"));
  }
}

function point(event) {
  const place = event.target.dataset?.place;
  if (place == null) return;
  const { side, channels } = shown(), pixel = Math.floor(place / channels);
  const chosen = { row: Math.floor(pixel / side), column: pixel % side, channel: place % channels };
  for (const [id, value] of Object.entries(chosen)) {
    byId(id).value = value;
    byId(id).dispatchEvent(new Event("input"));
  }
}

/** Begin the sliders and the drawing. */
export function flattening() {
  for (const name of ["row", "column", "channel"]) slider(name, (value) => ((at[name] = value), draw(), String(value)));
  slider("way", (value) => ((at.way = value), draw(), `${value}%`));
  byId("what").addEventListener("input", resize);
  byId("flight").addEventListener("click", point);
}
