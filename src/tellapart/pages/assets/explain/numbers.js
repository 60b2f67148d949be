/** One layer's numbers: what it gave at a place, and the windows that it read. */

import { unpack } from "packing";

/** The tensors that the page carries whole, each unpacked once. */
export class Tensors {
  constructor(packed) {
    this.packed = packed;
    this.unpacked = new Map();
  }

  async get(index) {
    if (!this.unpacked.has(index)) this.unpacked.set(index, await unpack(this.packed[index]));
    return this.unpacked.get(index);
  }
}

export class Layer {
  constructor(told) {
    this.told = told;
    [this.height, this.width, this.depth] = told.cells;
    this.rows = told.rows ?? [...Array(this.height).keys()];
    this.columns = told.columns ?? [...Array(this.width).keys()];
    this.channels = told.channels;
  }

  async load(tensors) {
    if (this.loaded) return this;
    const { told } = this;
    this.output = told.output == null ? null : await tensors.get(told.output);
    this.at = told.at ? await unpack(told.at) : null;
    this.maps = told.maps ? await unpack(told.maps) : null;
    this.readings = await Promise.all(told.readings.map(async (one) => ({
      ...one,
      whole: one.tensor == null ? null : await tensors.get(one.tensor),
      packed: one.windows ? await unpack(one.windows) : null,
    })));
    this.working = {};
    for (const [name, value] of Object.entries(told.working)) {
      this.working[name] = value?.deflated != null ? await unpack(value) : value;
    }
    if (told.working.curve) {
      this.working.curve = { x: await unpack(told.working.curve.x), y: await unpack(told.working.curve.y) };
    }
    this.loaded = true;
    return this;
  }

  /** Which of the places that the page carries this is, counted row by row. */
  place(y, x) {
    return this.rows.indexOf(y) * this.columns.length + this.columns.indexOf(x);
  }

  /** What the layer gave at a place, in the k-th of the channels that can be chosen. */
  value(y, x, k) {
    if (this.output) return this.output.values[(y * this.width + x) * this.depth + this.channels[k]];
    return this.at.values[this.place(y, x) * this.channels.length + k];
  }

  /** Of values for each row, column and channel that the page carries, or one for all: that of one number. */
  of({ shape: [height, width, depth], values }, y, x, k) {
    const [i, j] = [height > 1 ? this.rows.indexOf(y) : 0, width > 1 ? this.columns.indexOf(x) : 0];
    return values[(i * width + j) * depth + (depth > 1 ? k : 0)];
  }

  /** The k-th channel's map, or a smaller one where the page does not carry it whole: {values, height, width}. */
  map(k) {
    if (this.output) return channelOf(this.output, this.channels[k]);
    const [, height, width] = this.maps.shape;
    const bytes = this.maps.values.subarray(k * height * width, (k + 1) * height * width);
    return { values: Float32Array.from(bytes, (byte) => ((byte - 128) / 127) * this.told.most), height, width };
  }

  /** What the r-th input gave to a number: {values: (kh * kw * reads), inside: (kh * kw), first: its first channel}. */
  window(r, y, x, k) {
    const one = this.readings[r];
    const [kh, kw] = one.size, [height, width, depth] = one.cells, first = one.starts[k];
    const values = new Float32Array(kh * kw * one.reads), inside = [], places = [];
    const share = one.packed?.shape[3];
    for (let i = 0; i < kh; i++) {
      for (let j = 0; j < kw; j++) {
        const row = (y * one.strides[0] - one.before[0] + i * one.dilation[0]) / one.apart[0];
        const column = (x * one.strides[1] - one.before[1] + j * one.dilation[1]) / one.apart[1];
        const isInside = Number.isInteger(row) && Number.isInteger(column) && row >= 0 && row < height && column >= 0 && column < width;
        inside.push(isInside);
        places.push([row, column]);
        const from = one.whole
          ? (row * width + column) * depth + first
          : (this.place(y, x) * kh * kw + i * kw + j) * share + (one.shared ? 0 : k * one.reads);
        const numbers = (one.whole ?? one.packed).values;
        for (let c = 0; c < one.reads && isInside; c++) values[(i * kw + j) * one.reads + c] = numbers[from + c];
      }
    }
    return { values, inside, places, first, kh, kw, reads: one.reads };
  }

  /** The strongest number among those that can be chosen: [row, column, k]. */
  strongest() {
    let best = -1, found = [this.rows[0], this.columns[0], 0];
    for (let k = 0; k < this.channels.length; k++) {
      for (const y of this.rows) {
        for (const x of this.columns) {
          const size = Math.abs(this.value(y, x, k));
          if (size > best) [best, found] = [size, [y, x, k]];
        }
      }
    }
    return found;
  }
}

/** One channel of a whole tensor as a map. */
export function channelOf({ shape: [height, width, depth], values }, channel) {
  const map = new Float32Array(height * width);
  for (let place = 0; place < map.length; place++) map[place] = values[place * depth + channel];
  return { values: map, height, width };
}

/** Where a number that only moved stood before: {index of the input, row, column, channel}; null: it is padding. */
export function sourceOf(layer, y, x, k) {
  let source = layer.working.sources.values[layer.place(y, x) * layer.channels.length + k];
  if (source < 0) return null;
  let index = 0;
  const count = ({ cells: [height, width, depth] }) => height * width * depth;
  while (source >= count(layer.readings[index])) source -= count(layer.readings[index++]);
  const [, width, depth] = layer.readings[index].cells;
  return { index, row: Math.floor(source / (width * depth)), column: Math.floor(source / depth) % width, channel: source % depth };
}
