/** The compressed data of a JPEG, sequential or progressive: Huffman codes become coefficients. */

import { NATURAL, OtherJpeg, QUICK, nextScan, readFrame } from "jpeg_markers";

/** Decode all scans of a file into `components[i].coefficients`, (blocks, 64) in natural order, not dequantized. */
export function readCoefficients(bytes) {
  const frame = readFrame(bytes);
  do readScan(frame);
  while (nextScan(frame));
  return frame;
}

function readScan(frame) {
  const { scan } = frame;
  const bits = new Bits(frame.bytes, frame.place);
  const readBlock = kindOf(frame, scan);
  const single = scan.components.length === 1;
  const only = scan.components[0].component;
  const wide = single ? only.ownWide : frame.units.wide;
  const high = single ? only.ownHigh : frame.units.high;
  const state = { predicted: new Int32Array(scan.components.length), run: 0 };
  let [left, number] = [frame.interval || Infinity, 0];
  for (let row = 0; row < high; row++) {
    for (let column = 0; column < wide; column++) {
      if (!left--) {
        bits.restart(number++ & 7);
        state.predicted.fill(0);
        state.run = 0;
        left = frame.interval - 1;
      }
      if (single) readBlock(bits, scan, 0, 64 * (row * only.wide + column), state);
      else readUnit(bits, scan, row, column, readBlock, state);
    }
  }
  frame.place = bits.end();
}

function readUnit(bits, scan, row, column, readBlock, state) {
  for (let i = 0; i < scan.components.length; i++) {
    const { component } = scan.components[i];
    for (let y = 0; y < component.down; y++) {
      for (let x = 0; x < component.across; x++) {
        const block = (row * component.down + y) * component.wide + column * component.across + x;
        readBlock(bits, scan, i, 64 * block, state);
      }
    }
  }
}

function kindOf(frame, scan) {
  if (!frame.progressive) return readWhole;
  if (scan.first === 0) return scan.high ? refineFirst : readFirst;
  return scan.high ? refineOthers : readOthers;
}

/** Bits of the compressed data, in which 255 is followed by a stuffed 0. */
class Bits {
  constructor(bytes, place) {
    this.bytes = bytes;
    this.place = place;
    this.held = 0; // the lowest `count` bits are not yet read
    this.count = 0;
    this.padding = 0; // zero bits put behind the data's end
  }

  fill() {
    while (this.count <= 16) {
      let next = 0;
      if (this.bytes[this.place] === 255 && this.bytes[this.place + 1] !== 0) this.padding += 8;
      else if (this.place >= this.bytes.length) this.padding += 8;
      else {
        next = this.bytes[this.place];
        this.place += next === 255 ? 2 : 1;
      }
      this.held = ((this.held << 8) | next) & 0xffffff;
      this.count += 8;
    }
  }

  read(length) {
    if (!length) return 0;
    if (this.count < length) this.fill();
    this.count -= length;
    return (this.held >>> this.count) & ((1 << length) - 1);
  }

  /** A signed number of `length` bits. */
  signed(length) {
    const value = this.read(length);
    return value < 1 << (length - 1) ? value - (1 << length) + 1 : value;
  }

  symbol(table) {
    if (!table) throw new OtherJpeg("no table");
    if (this.count < 16) this.fill();
    const entry = table.quick[(this.held >>> (this.count - QUICK)) & ((1 << QUICK) - 1)];
    if (entry) {
      this.count -= entry >> 8;
      return entry & 255;
    }
    for (let length = QUICK + 1; length <= 16; length++) {
      const code = (this.held >>> (this.count - length)) & ((1 << length) - 1);
      if (code <= table.limits[length]) {
        this.count -= length;
        return table.values[table.offsets[length] + code];
      }
    }
    throw new OtherJpeg("damaged code");
  }

  restart(number) {
    this.refuseShort();
    if (this.bytes[this.place] !== 255 || this.bytes[this.place + 1] !== 0xd0 + number) throw new OtherJpeg("damaged restart");
    this.place += 2;
    this.held = this.count = this.padding = 0;
  }

  end() {
    this.refuseShort();
    return this.place;
  }

  refuseShort() {
    if (this.padding > this.count) throw new OtherJpeg("truncated");
    if (this.count - this.padding >= 8) throw new OtherJpeg("bytes too many");
  }
}

function readWhole(bits, { components }, i, start, state) {
  const { component, dc, ac } = components[i];
  const { coefficients } = component;
  const length = bits.symbol(dc);
  state.predicted[i] += length ? bits.signed(length) : 0;
  coefficients[start] = state.predicted[i];
  for (let k = 1; k < 64; ) {
    const symbol = bits.symbol(ac);
    const size = symbol & 15;
    if (!size) {
      if (symbol !== 0xf0) break;
      k += 16;
      continue;
    }
    k += symbol >> 4;
    if (k > 63) throw new OtherJpeg("damaged block");
    coefficients[start + NATURAL[k++]] = bits.signed(size);
  }
}

function readFirst(bits, { components, low }, i, start, state) {
  const { component, dc } = components[i];
  const length = bits.symbol(dc);
  state.predicted[i] += length ? bits.signed(length) : 0;
  component.coefficients[start] = state.predicted[i] << low;
}

function refineFirst(bits, { components, low }, i, start) {
  if (bits.read(1)) components[i].component.coefficients[start] |= 1 << low;
}

function readOthers(bits, { components, first, last, low }, i, start, state) {
  if (state.run) {
    state.run--;
    return;
  }
  const { component, ac } = components[i];
  for (let k = first; k <= last; ) {
    const symbol = bits.symbol(ac);
    const [zeros, size] = [symbol >> 4, symbol & 15];
    if (!size) {
      if (zeros < 15) {
        state.run = (1 << zeros) + bits.read(zeros) - 1;
        return;
      }
      k += 16;
      continue;
    }
    k += zeros;
    if (k > 63) throw new OtherJpeg("damaged block");
    component.coefficients[start + NATURAL[k++]] = bits.signed(size) << low;
  }
}

function refineOthers(bits, { components, first, last, low }, i, start, state) {
  const { component, ac } = components[i];
  const { coefficients } = component;
  const bit = 1 << low;
  const refine = (place) => {
    const value = coefficients[place];
    if (bits.read(1) && !(Math.abs(value) & bit)) coefficients[place] = value + (value > 0 ? bit : -bit);
  };
  let k = first;
  while (!state.run && k <= last) {
    const symbol = bits.symbol(ac);
    let zeros = symbol >> 4;
    let value = 0;
    if (symbol & 15) value = bits.read(1) ? bit : -bit;
    else if (zeros < 15) {
      state.run = (1 << zeros) + bits.read(zeros);
      break;
    }
    for (; k <= last; k++) {
      const place = start + NATURAL[k];
      if (coefficients[place]) refine(place);
      else if (zeros-- === 0) {
        if (value) coefficients[place] = value;
        k++;
        break;
      }
    }
  }
  if (!state.run) return;
  for (; k <= last; k++) if (coefficients[start + NATURAL[k]]) refine(start + NATURAL[k]);
  state.run--;
}
