/**
 * A heat map by occlusion: a patch of one level covers one place after the other, and the answer's log odds fall where it
 * mattered (Zeiler & Fergus 2014, arXiv:1311.2901). In small batches, so that the page stays usable.
 */

import { placement } from "preparing";
import { run } from "network";
import { shapeOf } from "answers";

const PLACES = 10; // along each side
const PATCH = 2; // places that a patch covers, along each side
const AT_ONCE = 4;
const LEAST = 0.1; // of the log odds: a smaller fall is said to be nothing

/**
 * Measure how far the class's log odds fall for each place.
 *
 * `level`: what the patch is filled with. `progress(share)` returns whether to go on. Returns (PLACES, PLACES) falls as rows; null: stopped.
 */
export async function measure(pixels, record, index, level, progress) {
  const shape = shapeOf(record.preparing);
  const before = logOdds((await run(pixels, shape)).probabilities[index]);
  const [falls, counts] = [new Float64Array(PLACES ** 2), new Float64Array(PLACES ** 2)];
  const patches = [...Array((PLACES + 1) ** 2).keys()].map((i) => [Math.floor(i / (PLACES + 1)) - 1, (i % (PLACES + 1)) - 1]);
  for (let start = 0; start < patches.length; start += AT_ONCE) {
    const part = patches.slice(start, start + AT_ONCE);
    const batch = new Uint8Array(part.length * pixels.length);
    part.forEach((patch, i) => batch.set(covered(pixels, shape, patch, level), i * pixels.length));
    const { probabilities } = await run(batch, shape);
    const classes = probabilities.length / part.length;
    part.forEach(([row, column], i) => {
      const fall = before - logOdds(probabilities[i * classes + index]);
      for (const place of placesOf(row, column)) {
        falls[place] += fall;
        counts[place]++;
      }
    });
    if (!progress(Math.min(1, (start + AT_ONCE) / patches.length))) return null;
    await new Promise((resume) => setTimeout(resume)); // clicks and drawing come in between
  }
  return falls.map((fall, place) => fall / counts[place]);
}

function logOdds(probability) {
  const inside = Math.min(Math.max(probability, 1e-7), 1 - 1e-7);
  return Math.log(inside / (1 - inside));
}

function placesOf(row, column) {
  const places = [];
  for (let y = Math.max(0, row); y < Math.min(PLACES, row + PATCH); y++) {
    for (let x = Math.max(0, column); x < Math.min(PLACES, column + PATCH); x++) places.push(y * PLACES + x);
  }
  return places;
}

function covered(pixels, [height, width, channels], [row, column], level) {
  const copy = pixels.slice();
  const edge = (place, side) => Math.round((Math.min(PLACES, Math.max(0, place)) * side) / PLACES);
  const [left, right] = [edge(column, width), edge(column + PATCH, width)];
  for (let y = edge(row, height); y < edge(row + PATCH, height); y++) {
    copy.fill(level, (y * width + left) * channels, (y * width + right) * channels);
  }
  return copy;
}

/** Draw falls over the part of a picture that the network sees; returns the sentence under it. */
export function draw(canvas, falls, picture, preparing, name) {
  const most = Math.max(...falls);
  const { source, target } = placement(picture, preparing);
  const small = Object.assign(document.createElement("canvas"), { width: PLACES, height: PLACES });
  const image = new ImageData(PLACES, PLACES);
  falls.forEach((fall, i) => {
    const share = most < LEAST ? 0 : Math.max(0, fall) / most;
    image.data.set([255, 90 + 130 * (1 - share), 0, 215 * share], 4 * i);
  });
  small.getContext("2d").putImageData(image, 0, 0);
  const inMap = (value, side) => (value / side) * PLACES;
  Object.assign(canvas, { width: 320, height: Math.max(1, Math.round((320 * (source[3] - source[1])) / (source[2] - source[0]))) });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const [x, y] = [inMap(target[0], preparing.width), inMap(target[1], preparing.height)];
  const [w, h] = [inMap(target[2] - target[0], preparing.width), inMap(target[3] - target[1], preparing.height)];
  context.drawImage(small, x, y, w, h, 0, 0, canvas.width, canvas.height);
  const share = (value, side) => `${(100 * value) / side}%`;
  Object.assign(canvas.style, {
    left: share(source[0], picture.width), top: share(source[1], picture.height),
    width: share(source[2] - source[0], picture.width), height: share(source[3] - source[1], picture.height),
  });
  const part = preparing.policy === "crop" ? " The network sees what is inside the dashed line." : "";
  if (most < LEAST) return `No single place matters: with any one of them covered, “${name}” stays as likely.${part}`;
  return `The stronger the orange, the less likely “${name}” becomes when that place is covered.${part}`;
}
