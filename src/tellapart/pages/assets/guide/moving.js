/** Moving pictures: the arithmetic of tellapart's augmentation (data/augmentation/shift_flip.py), on pictures of equal sides. */

/**
 * A picture shifted, then mirrored. The pixel at row y, column x of the shifted one stood at (y + dy, x + dx),
 * between pixels blended linearly.
 * @param {ArrayLike<number>} values side x side x channels, row by row.
 * @param {{dy: number, dx: number, isMirrored: boolean}} moves in pixels; positive ones move up and left.
 * @param {string} fill "nearest", "mirror", or "constant", which is black.
 * @returns {Float64Array} not rounded.
 */
export function moved(values, side, channels, { dy, dx, isMirrored }, fill) {
  const rows = origins(side, dy, false, fill), columns = origins(side, dx, isMirrored, fill);
  const made = new Float64Array(values.length);
  rows.forEach((row, y) => columns.forEach((column, x) => {
    if (fill === "constant" && !(row.isInside && column.isInside)) return;
    for (let c = 0; c < channels; c++) {
      const at = (i, j) => values[(i * side + j) * channels + c];
      const upper = blend(at(row.low, column.low), at(row.low, column.high), column.weight);
      const lower = blend(at(row.high, column.low), at(row.high, column.high), column.weight);
      made[(y * side + x) * channels + c] = blend(upper, lower, row.weight);
    }
  }));
  return made;
}

const blend = (one, other, weight) => one + weight * (other - one);

function origins(side, shift, isReversed, fill) {
  return Array.from({ length: side }, (_, i) => {
    const at = (isReversed ? side - 1 - i : i) + Math.fround(shift), low = Math.floor(at);
    const place = fill === "mirror" ? reflected : held;
    return { low: place(low, side), high: place(low + 1, side), weight: at - low, isInside: at >= 0 && at <= side - 1 };
  });
}

const held = (i, side) => Math.max(0, Math.min(side - 1, i));

function reflected(i, side) {
  const period = 2 * side - 2, within = ((i % period) + period) % period;
  return Math.min(within, period - within);
}

/** Moves by chance: shifts of up to a share of the side either way, mirrored as often as not. */
export function drawMoves(chance, side, { width_shift_range, height_shift_range }) {
  const shift = (range) => (2 * chance() - 1) * range * side;
  return { dy: shift(height_shift_range), dx: shift(width_shift_range), isMirrored: chance() < 0.5 };
}

/** Chances from 0 to 1, the same ones for the same seed: "mulberry32". */
export function chances(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
