/**
 * Resampling of bytes as the Python side does it, by reading: "fast" is torch's, "exact" Pillow's, both in whole numbers
 * and equal byte for byte; "bilinear" and "nearest" are those of Keras's loaders.
 *
 * A picture is {pixels (height, width, channels) uint8, width, height, channels}; a box is [left, top, right, bottom].
 */

/** Reading -> (picture, height, width, box) -> picture. */
export const RESAMPLERS = { exact: byPillow, fast: byTorch };

/** Reading -> (picture, height, width) -> picture, for a network that Keras fed. */
export const KERAS_RESAMPLERS = { bilinear: bilinear, nearest: nearest };

/** Python's round: halves to the even neighbor. */
export function rounded(value) {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
}

export function cut({ pixels, width, channels }, left, top, right, bottom) {
  const row = (right - left) * channels;
  const result = new Uint8Array(row * (bottom - top));
  for (let y = top; y < bottom; y++) {
    const from = (y * width + left) * channels;
    result.set(pixels.subarray(from, from + row), (y - top) * row);
  }
  return { pixels: result, width: right - left, height: bottom - top, channels };
}

function byTorch(picture, height, width, box) {
  const [left, right] = whole(box[0], box[2], picture.width);
  const [top, bottom] = whole(box[1], box[3], picture.height);
  const part = cut(picture, left, top, right, bottom);
  const wide = part.width === width ? part : across(part, width, inShorts(weightsOf(part.width, 0, part.width, width)));
  return wide.height === height ? wide : down(wide, height, inShorts(weightsOf(wide.height, 0, wide.height, height)));
}

/** Whole pixels for a centered part of a side. */
function whole(begin, end, side) {
  const length = Math.min(side, Math.max(1, rounded(end - begin)));
  const first = Math.floor((side - length) / 2);
  return [first, first + length];
}

const GAP = 3;
/** A picture more than so many times too large is first shrunk by whole factors. */

function byPillow(picture, height, width, box) {
  const factors = [[box[0], box[2], width], [box[1], box[3], height]].map(
    ([begin, end, size]) => Math.trunc((end - begin) / size / GAP) || 1,
  );
  if (factors[0] > 1 || factors[1] > 1) [picture, box] = shrunk(picture, height, width, box, factors);
  const [left, top, right, bottom] = box.map(Math.fround); // Pillow keeps boxes in single precision
  const columns = (part) =>
    part.width === width && left === 0 && right === width ? part : across(part, width, inLongs(weightsOf(part.width, left, right, width)));
  const rows = (part) =>
    part.height === height && top === 0 && bottom === height ? part : down(part, height, inLongs(weightsOf(part.height, top, bottom, height)));
  const lost = picture.height - height;
  return lost > 0 && lost > 2 * (picture.width - width) ? columns(rows(picture)) : rows(columns(picture)); // Pillow 13's order
}

/** The means of blocks in the box and a margin for the kernel; and the box in the result. */
function shrunk(picture, height, width, box, [fx, fy]) {
  const margin = 1.5; // the kernel's reach less half a pixel
  const [reachX, reachY] = [(margin * (box[2] - box[0])) / width, (margin * (box[3] - box[1])) / height];
  const left = Math.max(0, Math.trunc(box[0] - reachX));
  const top = Math.max(0, Math.trunc(box[1] - reachY));
  const right = Math.min(picture.width, Math.ceil(box[2] + reachX));
  const bottom = Math.min(picture.height, Math.ceil(box[3] + reachY));
  const means = blockMeans(cut(picture, left, top, right, bottom), fx, fy);
  return [means, [(box[0] - left) / fx, (box[1] - top) / fy, (box[2] - left) / fx, (box[3] - top) / fy]];
}

function blockMeans({ pixels, width, height, channels }, fx, fy) {
  const [wide, high] = [Math.ceil(width / fx), Math.ceil(height / fy)];
  const result = new Uint8Array(wide * high * channels);
  for (let y = 0, to = 0; y < high; y++) {
    const bottom = Math.min(height, (y + 1) * fy);
    for (let x = 0; x < wide; x++) {
      const right = Math.min(width, (x + 1) * fx);
      const count = (right - x * fx) * (bottom - y * fy);
      const inverse = Math.trunc(Math.fround(2 ** 32 / (256 * count)));
      for (let channel = 0; channel < channels; channel++) {
        let sum = count >> 1;
        for (let row = y * fy; row < bottom; row++) {
          for (let i = (row * width + x * fx) * channels + channel, end = (row * width + right) * channels; i < end; i += channels) sum += pixels[i];
        }
        result[to++] = (sum * inverse) / 2 ** 24;
      }
    }
  }
  return { pixels: result, width: wide, height: high, channels };
}

/** Weights of the bicubic kernel, widened where the picture shrinks: {first, counts, weights, most} by place. */
function weightsOf(size, begin, end, target) {
  const scale = Math.fround(end - begin) / target;
  const stretch = Math.max(scale, 1);
  const support = 2 * stretch;
  const most = Math.ceil(support) * 2 + 1;
  const [first, counts, weights] = [new Int32Array(target), new Int32Array(target), new Float64Array(target * most)];
  for (let i = 0; i < target; i++) {
    const center = begin + (i + 0.5) * scale;
    first[i] = Math.max(0, Math.trunc(center - support + 0.5));
    counts[i] = Math.min(size, Math.trunc(center + support + 0.5)) - first[i];
    let sum = 0;
    for (let k = 0; k < counts[i]; k++) {
      const weight = bicubic((k + first[i] - center + 0.5) * (1 / stretch));
      weights[i * most + k] = weight;
      sum += weight;
    }
    if (sum) for (let k = 0; k < counts[i]; k++) weights[i * most + k] /= sum;
  }
  return { first, counts, weights, most };
}

function bicubic(distance) {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Weights as whole numbers of 16 bits, as precise as the largest of them allows. */
function inShorts(table) {
  const most = table.weights.reduce((largest, weight) => Math.max(largest, weight), 0);
  let bits = 0;
  while (bits < 22 && Math.trunc(0.5 + most * 2 ** (bits + 1)) < 2 ** 15) bits++;
  return inWhole(table, bits);
}

function inLongs(table) {
  return inWhole(table, 22);
}

function inWhole(table, bits) {
  const weights = Int32Array.from(table.weights, (weight) => Math.trunc(weight * 2 ** bits + (weight < 0 ? -0.5 : 0.5)));
  return { ...table, weights, bits };
}

function across({ pixels, width, height, channels }, target, { first, counts, weights, most, bits }) {
  const result = new Uint8ClampedArray(target * height * channels);
  const half = 2 ** (bits - 1);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < target; x++) {
      const from = (y * width + first[x]) * channels;
      for (let channel = 0; channel < channels; channel++) {
        let sum = half;
        for (let k = 0, i = from + channel; k < counts[x]; k++, i += channels) sum += pixels[i] * weights[x * most + k];
        result[to++] = sum >> bits;
      }
    }
  }
  return { pixels: result, width: target, height, channels };
}

function down({ pixels, width, channels }, target, { first, counts, weights, most, bits }) {
  const row = width * channels;
  const result = new Uint8ClampedArray(target * row);
  const sums = new Int32Array(row);
  for (let y = 0; y < target; y++) {
    sums.fill(2 ** (bits - 1));
    for (let k = 0; k < counts[y]; k++) {
      const weight = weights[y * most + k];
      for (let i = 0, from = (first[y] + k) * row; i < row; i++, from++) sums[i] += pixels[from] * weight;
    }
    for (let i = 0, to = y * row; i < row; i++, to++) result[to] = sums[i] >> bits;
  }
  return { pixels: result, width, height: target, channels };
}

/** Keras's: a blend of four pixels in float32, without antialiasing. */
function bilinear({ pixels, width, height, channels }, targetHeight, targetWidth) {
  const places = (size, target) =>
    Array.from({ length: target }, (_, i) => {
      const scale = Math.fround(size / target);
      const at = Math.max(0, Math.fround(scale * (i + 0.5) - 0.5));
      const low = Math.min(Math.trunc(at), size - 1);
      const share = Math.fround(Math.min(Math.max(at - low, 0), 1));
      return [low, low + (low < size - 1 ? 1 : 0), share, Math.fround(1 - share)];
    });
  const [columns, rows] = [places(width, targetWidth), places(height, targetHeight)];
  const result = new Uint8Array(targetHeight * targetWidth * channels);
  const f = Math.fround;
  let to = 0;
  for (const [top, bottom, below, above] of rows) {
    for (const [left, right, after, before] of columns) {
      for (let channel = 0; channel < channels; channel++) {
        const at = (y, x) => pixels[(y * width + x) * channels + channel];
        const upper = f(before * at(top, left) + f(after * at(top, right))); // the second product is not rounded
        const lower = f(before * at(bottom, left) + f(after * at(bottom, right)));
        result[to++] = rounded(f(above * upper + f(below * lower)));
      }
    }
  }
  return { pixels: result, width: targetWidth, height: targetHeight, channels };
}

function nearest({ pixels, width, height, channels }, targetHeight, targetWidth) {
  const places = (size, target) => {
    const step = size / target;
    let at = step * 0.5;
    return Array.from({ length: target }, () => {
      const place = Math.trunc(at);
      at += step; // summed, as Pillow does
      return place;
    });
  };
  const columns = places(width, targetWidth);
  const result = new Uint8Array(targetHeight * targetWidth * channels);
  let to = 0;
  for (const row of places(height, targetHeight)) {
    for (const column of columns) {
      const from = (row * width + column) * channels;
      for (let channel = 0; channel < channels; channel++) result[to++] = pixels[from + channel];
    }
  }
  return { pixels: result, width: targetWidth, height: targetHeight, channels };
}
