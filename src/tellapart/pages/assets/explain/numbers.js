/** One layer's numbers: its output at each place, and the windows that it read. */

import { unpack } from "packing";

/** The tensors that the page contains whole, each unpacked once. */
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
  constructor(data) {
    this.data = data;
    [this.height, this.width, this.depth] = data.cells;
    this.rows = data.rows ?? [...Array(this.height).keys()];
    this.columns = data.columns ?? [...Array(this.width).keys()];
    this.channels = data.channels;
  }

  async load(tensors) {
    if (this.loaded) return this;
    const { data } = this;
    this.output = data.output == null ? null : await tensors.get(data.output);
    this.at = data.at ? await unpack(data.at) : null;
    this.maps = data.maps ? await unpack(data.maps) : null;
    this.readings = await Promise.all(data.readings.map(async (reading) => ({
      ...reading,
      whole: reading.tensor == null ? null : await tensors.get(reading.tensor),
      packed: reading.windows ? await unpack(reading.windows) : null,
    })));
    this.arithmetic = {};
    for (const [name, value] of Object.entries(data.arithmetic)) {
      this.arithmetic[name] = value?.deflated != null ? await unpack(value) : value;
    }
    if (data.arithmetic.curve) {
      this.arithmetic.curve = { x: await unpack(data.arithmetic.curve.x), y: await unpack(data.arithmetic.curve.y) };
    }
    this.loaded = true;
    return this;
  }

  /** The index of a place among those on the page, row by row. */
  place(y, x) {
    return this.rows.indexOf(y) * this.columns.length + this.columns.indexOf(x);
  }

  /** The output at a place, in the k-th of the channels that can be chosen. */
  value(y, x, k) {
    if (this.output) return this.output.values[(y * this.width + x) * this.depth + this.channels[k]];
    return this.at.values[this.place(y, x) * this.channels.length + k];
  }

  /** The value for one output number, from values for each row, column and channel on the page, or one for all. */
  of({ shape: [height, width, depth], values }, y, x, k) {
    const [i, j] = [height > 1 ? this.rows.indexOf(y) : 0, width > 1 ? this.columns.indexOf(x) : 0];
    return values[(i * width + j) * depth + (depth > 1 ? k : 0)];
  }

  /** The k-th channel's map, smaller where the page does not contain it whole: {values, height, width}. */
  map(k) {
    if (this.output) return channelOf(this.output, this.channels[k]);
    const [, height, width] = this.maps.shape;
    const bytes = this.maps.values.subarray(k * height * width, (k + 1) * height * width);
    return { values: Float32Array.from(bytes, (byte) => ((byte - 128) / 127) * this.data.largest), height, width };
  }

  /** What a number reads of the r-th input: {values: (kh * kw * reads), inside: (kh * kw), first: its first channel}. */
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
    let best = -1, place = [this.rows[0], this.columns[0], 0];
    for (let k = 0; k < this.channels.length; k++) {
      for (const y of this.rows) {
        for (const x of this.columns) {
          const size = Math.abs(this.value(y, x, k));
          if (size > best) [best, place] = [size, [y, x, k]];
        }
      }
    }
    return place;
  }
}

/** One channel of a whole tensor as a map. */
export function channelOf({ shape: [height, width, depth], values }, channel) {
  const map = new Float32Array(height * width);
  for (let place = 0; place < map.length; place++) map[place] = values[place * depth + channel];
  return { values: map, height, width };
}

/** Where a copied number comes from: {index of the input, row, column, channel}; null for padding. */
export function sourceOf(layer, y, x, k) {
  let source = layer.arithmetic.sources.values[layer.place(y, x) * layer.channels.length + k];
  if (source < 0) return null;
  let index = 0;
  const count = ({ cells: [height, width, depth] }) => height * width * depth;
  while (source >= count(layer.readings[index])) source -= count(layer.readings[index++]);
  const [, width, depth] = layer.readings[index].cells;
  return { index, row: Math.floor(source / (width * depth)), column: Math.floor(source / depth) % width, channel: source % depth };
}
