/** Optimizers: each is given its settings and a learning rate, and then turns slopes into changes of a place. */

/** Gradient descent. */
export const sgd = (_, rate) => (slope) => slope.map((one) => -rate * one);

/** Gradient descent with a ball's memory. Source: Polyak 1964, as Keras's SGD writes it. */
export function momentum({ momentum }, rate) {
  let speed = [0, 0];
  return (slope) => (speed = speed.map((one, i) => momentum * one - rate * slope[i]));
}

/** Source: Tieleman & Hinton 2012, as Keras writes it: epsilon stands under the root. */
export function rmsprop({ rho, epsilon }, rate) {
  let squares = [0, 0];
  return (slope) => {
    squares = squares.map((one, i) => rho * one + (1 - rho) * slope[i] ** 2);
    return slope.map((one, i) => (-rate * one) / Math.sqrt(squares[i] + epsilon));
  };
}

/** Source: Kingma & Ba 2015, as Keras writes it. */
export function adam({ beta_1, beta_2, adam_epsilon }, rate) {
  let means = [0, 0], squares = [0, 0], step = 0;
  return (slope) => {
    step += 1;
    means = means.map((one, i) => beta_1 * one + (1 - beta_1) * slope[i]);
    squares = squares.map((one, i) => beta_2 * one + (1 - beta_2) * slope[i] ** 2);
    const corrected = (rate * Math.sqrt(1 - beta_2 ** step)) / (1 - beta_1 ** step);
    return means.map((one, i) => (-corrected * one) / (Math.sqrt(squares[i]) + adam_epsilon));
  };
}

/** Source: Jordan et al. 2024, as tellapart's training/optim/muon.py writes it, on a matrix of 1 x 2. */
export function muon({ muon_momentum }, rate) {
  let memory = [0, 0];
  return (slope) => {
    memory = memory.map((one, i) => muon_momentum * one + slope[i]);
    return orthogonal(slope.map((one, i) => one + muon_momentum * memory[i])).map((one) => -rate * one);
  };
}

const [A, B, C] = [3.4445, -4.775, 2.0315].map(Math.fround);

/** A row of two numbers with its length brought near 1: three Newton-Schulz steps in bfloat16. */
export function orthogonal(row) {
  let [x, y] = row.map(bfloat16);
  const length = bfloat16(bfloat16(Math.sqrt(Math.fround(x * x + y * y))) + 1e-7);
  [x, y] = [bfloat16(x / length), bfloat16(y / length)];
  for (let step = 0; step < 3; step++) {
    const square = bfloat16(x * x + y * y);
    const factor = bfloat16(bfloat16(B * square) + bfloat16(bfloat16(C * square) * square));
    [x, y] = [x, y].map((one) => bfloat16(bfloat16(A * one) + bfloat16(factor * one)));
  }
  return [x, y];
}

const float = new Float32Array(1), bits = new Uint32Array(float.buffer);

/** The nearest number that bfloat16 has: the upper half of a float32, rounded to even where it lies between two. */
export function bfloat16(value) {
  float[0] = value;
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000;
  return float[0];
}

const FAR = 1e6;

/**
 * The places that an optimizer steps to, the start first; the way ends where it is farther away than FAR.
 * @param {Function} optimizer one of the above.
 * @param {(place: number[]) => number[]} slopeAt
 * @param {number[]} start
 * @param {number[][]} noise what is added to each step's slope; the number of steps is its length.
 */
export function walk(optimizer, settings, rate, slopeAt, start, noise) {
  const step = optimizer(settings, rate), places = [start];
  for (const stray of noise) {
    const place = places.at(-1);
    const change = step(slopeAt(place).map((one, i) => one + stray[i]));
    const next = place.map((one, i) => one + change[i]);
    if (!(Math.hypot(...next) < FAR)) break;
    places.push(next);
  }
  return places;
}
