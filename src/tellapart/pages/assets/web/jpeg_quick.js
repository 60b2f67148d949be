/**
 * libjpeg's fast transform (Arai, Agui and Nakajima 1988), with 8 bits of each factor and rounding down: it darkens by
 * half a level. TensorFlow decodes with it, and so do networks that Keras's loaders fed.
 */

const SCALES = [1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.5411961, 0.275899379];

/** What a dequantized coefficient is multiplied by, in the table of quantization itself: (64,) whole numbers. */
export function quickTable(table) {
  return Int32Array.from(table, (value, i) => {
    const scale = Math.round(SCALES[i >> 3] * SCALES[i & 7] * 16384); // 14 bits of the fraction; 2 are kept
    return (value * scale + 2048) >> 12;
  });
}

/** The inverse transform of a block to 8 x 8 samples; `table` is one of `quickTable`. */
export function invertQuickly(coefficients, from, table, samples, to, stride) {
  for (let i = 0; i < 64; i++) block[i] = coefficients[from + i] * table[i];
  for (let column = 0; column < 8; column++) pass(column, 8);
  for (let row = 0; row < 8; row++) pass(8 * row, 1);
  for (let y = 0, i = 0; y < 8; y++, to += stride) {
    for (let x = 0; x < 8; x++, i++) samples[to + x] = (block[i] >> 5) + 128;
  }
}

const block = new Int32Array(64);

/** Transform 8 values that lie `step` apart, in place. */
function pass(start, step) {
  const at = (i) => block[start + i * step];
  const times = (value, factor) => (value * factor) >> 8;
  const [sum, difference] = [at(0) + at(4), at(0) - at(4)];
  const outer = at(2) + at(6);
  const inner = times(at(2) - at(6), 362) - outer;
  const even = [sum + outer, difference + inner, difference - inner, sum - outer];
  const [a, b] = [at(5) + at(3), at(5) - at(3)];
  const [c, d] = [at(1) + at(7), at(1) - at(7)];
  const first = c + a;
  const shared = times(b + d, 473);
  const second = times(b, -669) + shared - first;
  const third = times(c - a, 362) - second;
  const fourth = times(d, 277) - shared + third;
  const odd = [first, second, third, -fourth];
  for (let i = 0; i < 4; i++) {
    block[start + i * step] = even[i] + odd[i];
    block[start + (7 - i) * step] = even[i] - odd[i];
  }
}
