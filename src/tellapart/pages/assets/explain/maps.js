/** Pictures and maps on canvases, and the colors of numbers. */

import { isDark } from "theme";

const RED = [179, 38, 30], BLUE = [31, 95, 168], DARK_RED = [255, 120, 105], DARK_BLUE = [110, 175, 245];

/**
 * The color of a number: blue above zero, red below, the paper's color at zero.
 * @param {number} share -1 to 1.
 * @returns {number[]} red, green, blue, 0-255.
 */
export function colorOf(share) {
  const [paper, red, blue] = isDark() ? [[20, 23, 26], DARK_RED, DARK_BLUE] : [[255, 255, 255], RED, BLUE];
  const amount = Math.sqrt(Math.min(1, Math.abs(share)));
  const end = share < 0 ? red : blue;
  return paper.map((part, i) => Math.round(part + amount * (end[i] - part)));
}

/** The largest absolute value, at least 1e-12. */
export function reach(values) {
  let most = 1e-12;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

/**
 * Draw a map of numbers, one pixel each.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>} values row by row.
 * @param {number} most the number drawn in the strongest color.
 */
export function drawMap(canvas, values, height, width, most = reach(values)) {
  paint(canvas, height, width, (place) => colorOf(values[place] / most));
}

/** Draw a picture of height x width x (1 or 3) numbers 0-255; `channel` draws one channel only, in gray. */
export function drawPicture(canvas, values, height, width, channels, channel = null) {
  paint(canvas, height, width, (place) => {
    const at = (c) => values[place * channels + Math.min(c, channels - 1)];
    return channel == null ? [at(0), at(1), at(2)] : [at(channel), at(channel), at(channel)];
  });
}

/** A heat map over a picture in gray: blue where it is positive, red where it is negative. */
export function drawHeat(canvas, heat, picture, height, width, channels, most = reach(heat)) {
  paint(canvas, height, width, (place) => {
    let gray = 0;
    for (let c = 0; c < channels; c++) gray += picture[place * channels + c] / channels;
    const share = Math.max(-1, Math.min(1, heat[place] / most));
    const end = share < 0 ? RED : BLUE;
    const amount = 0.75 * Math.abs(share) ** 0.75;
    return end.map((part) => Math.round((0.6 * gray + 90) * (1 - amount) + part * amount));
  });
}

function paint(canvas, height, width, color) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let place = 0; place < height * width; place++) {
    const [red, green, blue] = color(place);
    image.data.set([red, green, blue, 255], 4 * place);
  }
  context.putImageData(image, 0, 0);
}

/** A number for people: integers as they are, others to four decimals, tiny ones with an exponent. */
export function number(value) {
  if (Number.isInteger(value)) return String(value); // of a negative zero "0"
  return Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toFixed(4);
}

/** A number to some decimals; zero has no sign. */
export function fixed(value, decimals) {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/** Black or white, whichever is readable on a color with a contrast of at least 4.5 (WCAG 2.2, 1.4.3). */
export function inkOn(color) {
  const [red, green, blue] = color.map((part) => (part <= 10 ? part / 3295 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/** An element with attributes and children. */
export function element(tag, attributes = {}, ...children) {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children);
  return created;
}
