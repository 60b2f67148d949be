/**
 * Colors of a JPEG with a color profile, as phones write them (Display P3, Adobe RGB), become sRGB.
 *
 * Profiles of three curves and a matrix are computed; those that change no color by more than two levels are left alone,
 * as `predict` does. Others (tables, gray curves) are ignored, and the note says so.
 */

const SAME = 2; // levels by which profiles of sRGB of different makes differ
const GRID = 9; // levels of each channel that are tried
const IGNORED = "The photo's color profile is of a kind that this page ignores: tellapart predict may differ.";
const ROUNDED = "Colors were converted from the photo's profile: tellapart predict may differ in the last digits.";

// XYZ of the white D50 to linear sRGB.
const TO_SRGB = [
  [3.1338561, -1.6168667, -0.4906146],
  [-0.9787684, 1.9161415, 0.033454],
  [0.0719453, -0.2289914, 1.4052427],
];

/** Return {pixels, note}; null: the pixels are sRGB already. */
export function toSrgb(pixels, profile, isGray) {
  if (!profile) return null;
  const kind = text(profile, 16);
  if (kind === "GRAY" && !isGray) return null; // for other pixels: ignored, as everywhere
  if (kind !== "RGB ") return kind === "GRAY" ? { pixels, note: IGNORED } : null;
  const convert = converterOf(profile);
  if (!convert) return { pixels, note: IGNORED };
  if (!changes(convert)) return null;
  const result = new Uint8ClampedArray(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) convert(pixels, result, i);
  return { pixels: result, note: ROUNDED };
}

function text(bytes, place) {
  return String.fromCharCode(...bytes.subarray(place, place + 4));
}

function converterOf(profile) {
  const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength);
  try {
    const tags = {};
    for (let i = 0, count = view.getUint32(128); i < count; i++) tags[text(profile, 132 + 12 * i)] = view.getUint32(136 + 12 * i);
    if (tags.A2B0 || !tags.rXYZ || !tags.rTRC) return null;
    const curves = ["rTRC", "gTRC", "bTRC"].map((name) => levelsOf(curveOf(profile, view, tags[name])));
    const columns = ["rXYZ", "gXYZ", "bXYZ"].map((name) => [8, 12, 16].map((place) => view.getInt32(tags[name] + place) / 65536));
    const matrix = TO_SRGB.map((row) => columns.map((column) => row.reduce((sum, value, i) => sum + value * column[i], 0)));
    const [[a, b, c], [d, e, f], [g, h, i]] = matrix;
    const [reds, greens, blues] = curves;
    return (from, to, place) => {
      const [red, green, blue] = [reds[from[place]], greens[from[place + 1]], blues[from[place + 2]]];
      to[place] = encoded(a * red + b * green + c * blue);
      to[place + 1] = encoded(d * red + e * green + f * blue);
      to[place + 2] = encoded(g * red + h * green + i * blue);
    };
  } catch {
    return null; // damaged
  }
}

const ENCODED = Uint8Array.from({ length: 16385 }, (_, i) => {
  const value = i / 16384;
  return Math.round(255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055));
});

function encoded(value) {
  return ENCODED[Math.round(Math.min(1, Math.max(0, value)) * (ENCODED.length - 1))];
}

function levelsOf(curve) {
  return Float64Array.from({ length: 256 }, (_, i) => curve(i / 255));
}

function curveOf(profile, view, start) {
  if (text(profile, start) === "para") return parametric(view, start);
  const count = view.getUint32(start + 8);
  if (!count) return (x) => x;
  if (count === 1) return (x) => x ** (view.getUint16(start + 12) / 256);
  return (x) => {
    const at = x * (count - 1);
    const low = Math.min(Math.floor(at), count - 2);
    const [a, b] = [0, 2].map((more) => view.getUint16(start + 12 + 2 * low + more) / 65535);
    return a + (at - low) * (b - a);
  };
}

function parametric(view, start) {
  const kind = view.getUint16(start + 8);
  const count = [1, 3, 4, 5, 7][kind];
  const [g, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = Array.from({ length: count }, (_, i) => view.getInt32(start + 12 + 4 * i) / 65536);
  if (kind === 0) return (x) => x ** g;
  if (kind === 1) return (x) => (x >= -b / a ? (a * x + b) ** g : 0);
  if (kind === 2) return (x) => (x >= -b / a ? (a * x + b) ** g + c : c);
  return (x) => (x >= d ? (a * x + b) ** g + e : c * x + f);
}

function changes(convert) {
  const color = new Uint8Array(3);
  const converted = new Uint8ClampedArray(3);
  const step = (i) => Math.trunc((255 * i) / (GRID - 1));
  for (let i = 0; i < GRID ** 3; i++) {
    color.set([step(i % GRID), step(Math.floor(i / GRID) % GRID), step(Math.floor(i / GRID ** 2))]);
    convert(color, converted, 0);
    if (color.some((level, k) => Math.abs(level - converted[k]) > SAME)) return true;
  }
  return false;
}
