/** Shifting and mirroring: the arithmetic of tellapart's data/augmentation/shift_flip.py, for square pictures. */

/**
 * Shift a picture, then mirror it. The pixel at (y, x) of the shifted picture comes from (y + dy, x + dx),
 * with linear interpolation between pixels.
 * @param {ArrayLike<number>} values side x side x channels, row by row.
 * @param {{dy: number, dx: number, isMirrored: boolean}} moves in pixels; positive values move up and left.
 * @param {string} fill "nearest", "mirror", or "constant", which is black.
 * @returns {Float64Array} unrounded values.
 */
export function moved(values, side, channels, { dy, dx, isMirrored }, fill) {
  const rows = origins(side, dy, false, fill), columns = origins(side, dx, isMirrored, fill);
  const result = new Float64Array(values.length);
  rows.forEach((row, y) => columns.forEach((column, x) => {
    if (fill === "constant" && !(row.isInside && column.isInside)) return;
    for (let c = 0; c < channels; c++) {
      const at = (i, j) => values[(i * side + j) * channels + c];
      const upper = blend(at(row.low, column.low), at(row.low, column.high), column.weight);
      const lower = blend(at(row.high, column.low), at(row.high, column.high), column.weight);
      result[(y * side + x) * channels + c] = blend(upper, lower, row.weight);
    }
  }));
  return result;
}

const blend = (a, b, weight) => a + weight * (b - a);

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

/** Draw random moves: shifts of up to a share of the side in either direction, and a mirror with probability 1/2. */
export function drawMoves(chance, side, { width_shift_range, height_shift_range }) {
  const shift = (range) => (2 * chance() - 1) * range * side;
  return { dy: shift(height_shift_range), dx: shift(width_shift_range), isMirrored: chance() < 0.5 };
}

/** A random number generator for 0 to 1 with a seed: "mulberry32". */
export function chances(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
