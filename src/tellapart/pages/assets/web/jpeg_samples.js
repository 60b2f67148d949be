/**
 * Coefficients of a JPEG become pixels, in libjpeg's accurate integer arithmetic, bit for bit.
 *
 * At 1/2, 1/4 and 1/8 each block gives 4 x 4, 2 x 2 or 1 x 1 samples, of its lowest frequencies; chroma that is stored
 * at half the size is then reduced less, instead of being enlarged again.
 */

import { OtherJpeg } from "jpeg_markers";
import { invertQuickly, quickTable } from "jpeg_quick";
import { readCoefficients } from "jpeg_scans";

// Samples a side -> the transform of a row. Sample i is even[i] . (c0, c2, c4, c6) + odd[i] . (c1, c3, c5, c7), its
// mirror image in the row the difference; the numbers are libjpeg's constants, summed. `bits`: of the fraction.
const TRANSFORMS = {
  8: {
    even: [[8192, 10703, 8192, 4433], [8192, 4433, -8192, -10704], [8192, -4433, -8192, 10704], [8192, -10703, 8192, -4433]],
    odd: [[11363, 9633, 6437, 2260], [9633, -2259, -11362, -6436], [6437, -11362, 2261, 9633], [2260, -6436, 9633, -11363]],
    bits: 13,
  },
  4: {
    even: [[16384, 15137, 0, -6270], [16384, -15137, 0, 6270]],
    odd: [[20995, 7373, -4926, -4176], [8697, -17799, 11893, -1730]],
    bits: 14,
  },
  2: { even: [[32768, 0, 0, 0]], odd: [[29692, -10426, 6967, -5906]], bits: 15 },
  1: { even: [[8192, 0, 0, 0]], odd: [[0, 0, 0, 0]], bits: 13 },
};
const BETWEEN = 2;
/** Bits of the fraction that are kept between columns and rows. */

/**
 * Decode a JPEG.
 *
 * `reductionOf(width, height)`: of the upright picture -> 1, 2, 4 or 8. `quick`: whether whole blocks are transformed by
 * libjpeg's fast arithmetic. Returns {pixels, width, height, whole:
 * [height, width], orientation, profile, isGray}: pixels (height, width, 3) as they are stored, not turned.
 */
export function decodeJpeg(bytes, reductionOf = () => 1, quick = false) {
  const frame = readCoefficients(bytes);
  const turned = frame.orientation >= 5;
  const reduction = turned ? reductionOf(frame.height, frame.width) : reductionOf(frame.width, frame.height);
  const side = 8 / reduction;
  const decoded = { width: Math.ceil((frame.width * side) / 8), height: Math.ceil((frame.height * side) / 8) };
  const planes = frame.components.map((each) => enlarged(planeOf(frame, each, side, quick), frame, each, side, decoded));
  const kept = (length) => Math.max(1, Math.floor((length + (reduction >> 1)) / reduction)); // no row outside the picture
  const [width, height] = [kept(frame.width), kept(frame.height)];
  return {
    pixels: colors(planes, decoded.width, width, height, frame.isRgb),
    width, height, whole: [frame.height, frame.width], orientation: frame.orientation, profile: frame.profile,
    isGray: planes.length === 1,
  };
}

/** A component's samples: {samples, stride, width, height, size}, `size` samples a block. */
function planeOf(frame, component, side, quick) {
  let size = side;
  const divides = (most, own) => (most * side) % (own * size * 2) === 0;
  while (size < 8 && divides(frame.across, component.across) && divides(frame.down, component.down)) size *= 2;
  const stride = component.wide * size;
  const samples = new Uint8ClampedArray(stride * component.high * size);
  const exactTable = frame.quantization[component.table];
  if (!exactTable) throw new OtherJpeg("no quantization");
  const isQuick = quick && size === 8;
  const table = isQuick ? quickTable(exactTable) : exactTable;
  const invert = isQuick ? invertQuickly : size === 1 ? invertOne : inverter(size);
  for (let row = 0, block = 0; row < component.high; row++) {
    for (let column = 0; column < component.wide; column++, block++) {
      invert(component.coefficients, 64 * block, table, samples, row * size * stride + column * size, stride);
    }
  }
  const length = (whole, own, most) => Math.ceil((whole * own * size) / (most * 8));
  return {
    samples, stride, size,
    width: length(frame.width, component.across, frame.across), height: length(frame.height, component.down, frame.down),
  };
}

function invertOne(coefficients, from, table, samples, to) {
  samples[to] = ((coefficients[from] * table[0] + 4) >> 3) + 128;
}

/** The inverse transform of a block to size x size samples, as a function. */
function inverter(size) {
  const { even, odd, bits } = TRANSFORMS[size];
  const half = size / 2;
  const [evens, odds] = [Int32Array.from(even.flat()), Int32Array.from(odd.flat())];
  const between = new Int32Array(8 * size);
  const row = new Int32Array(8);
  const [first, second] = [bits - BETWEEN, bits + BETWEEN + 3];
  const [roundFirst, roundSecond] = [1 << (first - 1), 1 << (second - 1)];
  return (coefficients, from, table, samples, to, stride) => {
    for (let column = 0; column < 8; column++) {
      let any = 0;
      for (let i = 0; i < 8; i++) {
        const value = coefficients[from + 8 * i + column];
        row[i] = value * table[8 * i + column];
        if (i) any |= value;
      }
      if (!any) {
        for (let i = 0; i < size; i++) between[8 * i + column] = row[0] << BETWEEN;
        continue;
      }
      for (let i = 0, k = 0; i < half; i++, k += 4) {
        const e = evens[k] * row[0] + evens[k + 1] * row[2] + evens[k + 2] * row[4] + evens[k + 3] * row[6] + roundFirst;
        const o = odds[k] * row[1] + odds[k + 1] * row[3] + odds[k + 2] * row[5] + odds[k + 3] * row[7];
        between[8 * i + column] = (e + o) >> first;
        between[8 * (size - 1 - i) + column] = (e - o) >> first;
      }
    }
    for (let y = 0, b = 0; y < size; y++, b += 8, to += stride) {
      for (let i = 0, k = 0; i < half; i++, k += 4) {
        const e = evens[k] * between[b] + evens[k + 1] * between[b + 2] + evens[k + 2] * between[b + 4] + evens[k + 3] * between[b + 6] + roundSecond;
        const o = odds[k] * between[b + 1] + odds[k + 1] * between[b + 3] + odds[k + 2] * between[b + 5] + odds[k + 3] * between[b + 7];
        samples[to + i] = ((e + o) >> second) + 128;
        samples[to + size - 1 - i] = ((e - o) >> second) + 128;
      }
    }
  };
}

/** A plane at the whole picture's size: (height, stride of the picture). */
function enlarged(plane, frame, component, side, { width, height }) {
  const across = (frame.across * side) / (component.across * plane.size);
  const down = (frame.down * side) / (component.down * plane.size);
  if (!Number.isInteger(across) || !Number.isInteger(down)) throw new OtherJpeg("sampling");
  const smooth = side > 1;
  const enlarge =
    across === 1 && down === 1 ? cut
    : smooth && across === 2 && down === 1 && plane.width > 2 ? across2
    : smooth && across === 1 && down === 2 ? down2
    : smooth && across === 2 && down === 2 && plane.width > 2 ? both2
    : repeated(across, down);
  const target = new Uint8Array(width * height);
  enlarge(plane, target, width, height);
  return target;
}

function cut({ samples, stride }, target, width, height) {
  for (let y = 0; y < height; y++) target.set(samples.subarray(y * stride, y * stride + width), y * width);
}

function repeated(across, down) {
  return ({ samples, stride }, target, width, height) => {
    for (let y = 0, to = 0; y < height; y++) {
      const row = Math.floor(y / down) * stride;
      for (let x = 0; x < width; x++) target[to++] = samples[row + Math.floor(x / across)];
    }
  };
}

// A sample of the result is three quarters of the nearer and one of the farther; halves go up and down in turn.

function across2({ samples, stride, width: own }, target, width, height) {
  for (let y = 0, to = 0; y < height; y++) {
    const row = y * stride;
    for (let x = 0; x < width; x++, to++) {
      const [near, far] = [x >> 1, x & 1 ? (x >> 1) + 1 : (x >> 1) - 1];
      const value = samples[row + near];
      target[to] = far < 0 || far >= own ? value : (3 * value + samples[row + far] + (x & 1 ? 2 : 1)) >> 2;
    }
  }
}

function down2({ samples, stride, height: own }, target, width, height) {
  for (let y = 0, to = 0; y < height; y++) {
    const near = (y >> 1) * stride;
    const far = Math.min(Math.max(0, y & 1 ? (y >> 1) + 1 : (y >> 1) - 1), own - 1) * stride;
    for (let x = 0; x < width; x++, to++) target[to] = (3 * samples[near + x] + samples[far + x] + (y & 1 ? 2 : 1)) >> 2;
  }
}

function both2({ samples, stride, width: own, height: ownHigh }, target, width, height) {
  const sums = new Int32Array(own);
  for (let y = 0, to = 0; y < height; y++) {
    const near = (y >> 1) * stride;
    const far = Math.min(Math.max(0, y & 1 ? (y >> 1) + 1 : (y >> 1) - 1), ownHigh - 1) * stride;
    for (let x = 0; x < own; x++) sums[x] = 3 * samples[near + x] + samples[far + x];
    for (let x = 0; x < width; x++, to++) {
      const center = x >> 1;
      const neighbor = x & 1 ? center + 1 : center - 1;
      const other = neighbor < 0 || neighbor >= own ? sums[center] : sums[neighbor];
      target[to] = (3 * sums[center] + other + (x & 1 ? 7 : 8)) >> 4;
    }
  }
}

/** Planes to red, green and blue, the first `width` of each row and `height` rows. */
function colors(planes, stride, width, height, isRgb) {
  const pixels = new Uint8ClampedArray(width * height * 3);
  const [first, second, third] = planes.length === 3 ? planes : [planes[0], planes[0], planes[0]];
  const asStored = isRgb || planes.length === 1;
  const { red, green1, green2, blue } = CHROMA;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0, from = y * stride; x < width; x++, from++, to += 3) {
      const [a, b, c] = [first[from], second[from], third[from]];
      pixels[to] = asStored ? a : a + red[c];
      pixels[to + 1] = asStored ? b : a + ((green1[b] + green2[c]) >> 16);
      pixels[to + 2] = asStored ? c : a + blue[b];
    }
  }
  return pixels;
}

const CHROMA = (() => {
  const table = (factor, add, shift) =>
    Int32Array.from({ length: 256 }, (_, i) => (Math.trunc(factor * 65536 + (factor < 0 ? -0.5 : 0.5)) * (i - 128) + add) >> shift);
  return { red: table(1.402, 32768, 16), green1: table(-0.34414, 32768, 0), green2: table(-0.71414, 0, 0), blue: table(1.772, 32768, 16) };
})();
