/** Optimizers: each takes its settings and a learning rate, and returns a function from a slope to a step. */

/** Plain gradient descent. */
export const sgd = (_, rate) => (slope) => slope.map((value) => -rate * value);

/** Gradient descent with momentum. Source: Polyak 1964, as implemented in Keras's SGD. */
export function momentum({ momentum }, rate) {
  let speed = [0, 0];
  return (slope) => (speed = speed.map((value, i) => momentum * value - rate * slope[i]));
}

/** Source: Tieleman & Hinton 2012, as implemented in Keras, with epsilon inside the root. */
export function rmsprop({ rho, epsilon }, rate) {
  let squares = [0, 0];
  return (slope) => {
    squares = squares.map((value, i) => rho * value + (1 - rho) * slope[i] ** 2);
    return slope.map((value, i) => (-rate * value) / Math.sqrt(squares[i] + epsilon));
  };
}

/** Source: Kingma & Ba 2015, as implemented in Keras. */
export function adam({ beta_1, beta_2, adam_epsilon }, rate) {
  let means = [0, 0], squares = [0, 0], step = 0;
  return (slope) => {
    step += 1;
    means = means.map((value, i) => beta_1 * value + (1 - beta_1) * slope[i]);
    squares = squares.map((value, i) => beta_2 * value + (1 - beta_2) * slope[i] ** 2);
    const corrected = (rate * Math.sqrt(1 - beta_2 ** step)) / (1 - beta_1 ** step);
    return means.map((value, i) => (-corrected * value) / (Math.sqrt(squares[i]) + adam_epsilon));
  };
}

/** Source: Jordan et al. 2024, as implemented in tellapart's training/optim/muon.py, for a 1 x 2 matrix. */
export function muon({ muon_momentum }, rate) {
  let memory = [0, 0];
  return (slope) => {
    memory = memory.map((value, i) => muon_momentum * value + slope[i]);
    return orthogonal(slope.map((value, i) => value + muon_momentum * memory[i])).map((value) => -rate * value);
  };
}

const [A, B, C] = [3.4445, -4.775, 2.0315].map(Math.fround);

/** Scale a row of two numbers to a length near 1: three Newton-Schulz steps in bfloat16. */
export function orthogonal(row) {
  let [x, y] = row.map(bfloat16);
  const length = bfloat16(bfloat16(Math.sqrt(Math.fround(x * x + y * y))) + 1e-7);
  [x, y] = [bfloat16(x / length), bfloat16(y / length)];
  for (let step = 0; step < 3; step++) {
    const square = bfloat16(x * x + y * y);
    const factor = bfloat16(bfloat16(B * square) + bfloat16(bfloat16(C * square) * square));
    [x, y] = [x, y].map((value) => bfloat16(bfloat16(A * value) + bfloat16(factor * value)));
  }
  return [x, y];
}

const float = new Float32Array(1), bits = new Uint32Array(float.buffer);

/** Round to the nearest bfloat16, the upper half of a float32; ties go to even. */
export function bfloat16(value) {
  float[0] = value;
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000;
  return float[0];
}

const FAR = 1e6;

/**
 * The points on an optimizer's path, from the start on. The path ends where it leaves a radius of FAR.
 * @param {Function} optimizer one of the above.
 * @param {(place: number[]) => number[]} slopeAt
 * @param {number[]} start
 * @param {number[][]} noise added to each step's slope, one entry per step.
 */
export function walk(optimizer, settings, rate, slopeAt, start, noise) {
  const step = optimizer(settings, rate), places = [start];
  for (const stray of noise) {
    const place = places.at(-1);
    const change = step(slopeAt(place).map((value, i) => value + stray[i]));
    const next = place.map((value, i) => value + change[i]);
    if (!(Math.hypot(...next) < FAR)) break;
    places.push(next);
  }
  return places;
}
