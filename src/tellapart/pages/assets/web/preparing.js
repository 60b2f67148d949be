/** From an upright picture to the size and channels that the network reads: crop, pad or stretch. */

import { KERAS_RESAMPLERS, RESAMPLERS, cut, rounded } from "resampling";

const GRAY = 127; // what padding is filled with
const ENOUGH = 2.5; // times the needed size that is left where a JPEG is decoded at a reduced one

/** By how much both sides may be divided while a JPEG of this size, upright, is decoded: 1, 2, 4 or 8. */
export function reductionOf({ width, height, policy, reading }, own) {
  if (reading !== "fast") return 1;
  const scales = [height / own.height, width / own.width];
  const scale = policy === "pad" ? Math.min(...scales) : Math.max(...scales);
  return [8, 4, 2].find((reduction) => reduction * scale * ENOUGH <= 1) ?? 1;
}

/**
 * Bring a picture to the network's size.
 *
 * `preparing`: {height, width, channels, policy, reading} of the record. `picture`: as in `resampling.js`.
 * Returns (height, width, channels) uint8 pixels.
 */
export function prepare(picture, preparing) {
  const wanted = preparing.channels === 1 ? gray(picture) : picture;
  const fitting = resized(wanted, preparing);
  return fitting.channels < preparing.channels ? repeated(fitting.pixels) : fitting.pixels;
}

function resized(picture, { height, width, policy, reading }) {
  if (picture.height === height && picture.width === width) return picture;
  if (reading in KERAS_RESAMPLERS) return resizedAsKeras(picture, height, width, policy, KERAS_RESAMPLERS[reading]);
  const resample = RESAMPLERS[reading];
  const whole = [0, 0, picture.width, picture.height];
  if (policy === "pad") return padded(picture, height, width, (inner) => resample(picture, inner.height, inner.width, whole));
  return resample(picture, height, width, policy === "crop" ? centerBox(picture, height, width) : whole);
}

/** Which part of a picture the network sees, and where that lies in its own: boxes {source, target}. */
export function placement(picture, { height, width, policy }) {
  const [source, target] = [[0, 0, picture.width, picture.height], [0, 0, width, height]];
  if (policy === "crop") return { source: centerBox(picture, height, width), target };
  if (policy !== "pad") return { source, target };
  const { top, left, inner } = paddedBox(picture, height, width);
  return { source, target: [left, top, left + inner.width, top + inner.height] };
}

/** The largest centered part with the proportions height : width. */
function centerBox(picture, height, width) {
  const scale = Math.max(height / picture.height, width / picture.width);
  const left = Math.max((picture.width - width / scale) / 2, 0);
  const top = Math.max((picture.height - height / scale) / 2, 0);
  return [left, top, picture.width - left, picture.height - top];
}

function paddedBox(picture, height, width) {
  const scale = Math.min(height / picture.height, width / picture.width);
  const inner = {
    height: Math.min(height, Math.max(1, rounded(picture.height * scale))),
    width: Math.min(width, Math.max(1, rounded(picture.width * scale))),
  };
  return { inner, top: Math.floor((height - inner.height) / 2), left: Math.floor((width - inner.width) / 2) };
}

function padded(picture, height, width, resample) {
  const { inner, top, left } = paddedBox(picture, height, width);
  const same = inner.height === picture.height && inner.width === picture.width;
  return placed(same ? picture : resample(inner), height, width, top, left, GRAY);
}

function placed(picture, height, width, top, left, level) {
  const { channels } = picture;
  const pixels = new Uint8Array(height * width * channels).fill(level);
  const row = picture.width * channels;
  for (let y = 0; y < picture.height; y++) {
    pixels.set(picture.pixels.subarray(y * row, (y + 1) * row), ((top + y) * width + left) * channels);
  }
  return { pixels, width, height, channels };
}

/** As Keras's loaders do it: whole pixels, padding in black. */
function resizedAsKeras(picture, height, width, policy, resample) {
  if (policy === "crop") {
    const rows = Math.max(Math.min(picture.height, Math.trunc((picture.width * height) / width)), 1);
    const columns = Math.max(Math.min(picture.width, Math.trunc((picture.height * width) / height)), 1);
    const [top, left] = [Math.floor((picture.height - rows) / 2), Math.floor((picture.width - columns) / 2)];
    picture = cut(picture, left, top, left + columns, top + rows);
  }
  if (policy !== "pad") return resample(picture, height, width);
  const ratio = Math.max(picture.height / height, picture.width / width);
  const [rows, columns] = [Math.max(1, Math.trunc(picture.height / ratio)), Math.max(1, Math.trunc(picture.width / ratio))];
  const [top, left] = [Math.trunc((height - picture.height / ratio) / 2), Math.trunc((width - picture.width / ratio) / 2)];
  return placed(resample(picture, rows, columns), height, width, top, left, 0);
}

/** ITU-R 601 luma in whole numbers, as Pillow's. */
function gray(picture) {
  if (picture.channels === 1) return picture;
  const { pixels, width, height } = picture;
  const luma = new Uint8Array(width * height);
  for (let i = 0, from = 0; i < luma.length; i++, from += 3) {
    luma[i] = (pixels[from] * 19595 + pixels[from + 1] * 38470 + pixels[from + 2] * 7471 + 0x8000) >> 16;
  }
  return { pixels: luma, width, height, channels: 1 };
}

function repeated(levels) {
  const pixels = new Uint8Array(3 * levels.length);
  for (let i = 0; i < pixels.length; i++) pixels[i] = levels[Math.floor(i / 3)];
  return pixels;
}
