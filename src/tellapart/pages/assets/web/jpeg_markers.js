/**
 * JPEG files up to their compressed data: size, components, tables, orientation, color profile.
 *
 * A browser's own decoder gives whole pictures in its own arithmetic, and its canvas may alter what is read back.
 * `jpeg_scans.js` and `jpeg_samples.js` decode as libjpeg does, also at a half, a quarter and an eighth of the size,
 * so that the page feeds the network the bytes that `tellapart predict` feeds it.
 */

// Position in the zigzag -> place in the block of 8 x 8.
export const NATURAL = new Uint8Array([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55,
  62, 63,
]);

// As in `data/decoding/limits.py`.
const MOST_PIXELS = 80e6;
const [MOST_SCANS, MOST_SCANNED] = [1_000, 2e9];

/** A JPEG that nobody should wait for. */
export class CostlyJpeg extends Error {}

/** What the decoder does not do: the file is damaged, or of a rare kind. */
export class OtherJpeg extends Error {}

export const QUICK = 9;
/** Bits that a Huffman code is looked up by at once. */

export function isJpeg(bytes) {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/**
 * Read segments up to the first scan; `next(frame)` reads those between scans.
 *
 * Returns {width, height, components, progressive, quantization, huffman, interval, orientation, profile, isRgb, place}.
 */
export function readFrame(bytes) {
  const frame = {
    bytes, place: 2, components: null, quantization: [], huffman: {}, interval: 0, orientation: 1, parts: [], adobe: null, jfif: false,
  };
  nextScan(frame);
  if (!frame.components) throw new OtherJpeg("no frame");
  frame.profile = profileOf(frame.parts);
  frame.isRgb = isRgb(frame);
  return frame;
}

/** Read the segments before a scan; false: the file is at its end. `place` then stands behind the scan's length. */
export function nextScan(frame) {
  const { bytes } = frame;
  for (;;) {
    if (bytes[frame.place] !== 0xff) throw new OtherJpeg("bytes between segments");
    while (bytes[frame.place] === 0xff) frame.place++;
    const marker = bytes[frame.place++];
    if (marker === undefined) throw new OtherJpeg("truncated");
    if (marker === 0xd9) return false;
    const length = (bytes[frame.place] << 8) | bytes[frame.place + 1];
    const segment = bytes.subarray(frame.place + 2, frame.place + length);
    if (segment.length !== length - 2) throw new OtherJpeg("truncated");
    frame.place += length;
    if (marker === 0xda) {
      frame.scan = scanOf(frame, segment);
      return true;
    }
    (SEGMENTS[marker] ?? (marker >= 0xc0 && marker <= 0xcf ? refuse : ignore))(frame, segment, marker);
  }
}

function ignore() {}

function refuse(frame, segment, marker) {
  throw new OtherJpeg(`compression ${marker.toString(16)}`); // arithmetic, lossless, hierarchical
}

const SEGMENTS = {
  0xc0: readSize, 0xc1: readSize, 0xc2: readSize, 0xc4: readHuffman, 0xdb: readQuantization,
  0xdd: (frame, segment) => (frame.interval = (segment[0] << 8) | segment[1]),
  0xe0: (frame, segment) => (frame.jfif ||= startsWith(segment, "JFIF\0")),
  0xe1: readCamera,
  0xe2: (frame, segment) => startsWith(segment, "ICC_PROFILE\0") && frame.parts.push(segment),
  0xee: (frame, segment) => startsWith(segment, "Adobe") && (frame.adobe = segment[11]),
};

function readSize(frame, segment, marker) {
  if (frame.components) throw new OtherJpeg("two frames");
  if (segment[0] !== 8) throw new OtherJpeg(`${segment[0]} bits`);
  frame.progressive = marker === 0xc2;
  frame.height = (segment[1] << 8) | segment[2];
  frame.width = (segment[3] << 8) | segment[4];
  const count = segment[5];
  if (!frame.height || !frame.width || (count !== 1 && count !== 3)) throw new OtherJpeg(`${count} components`);
  if (frame.width * frame.height > MOST_PIXELS) throw new CostlyJpeg("A photo of more than 80 megapixels is too large. Save it in a smaller size first.");
  frame.components = Array.from({ length: count }, (_, i) => {
    const [id, sampling, table] = segment.subarray(6 + 3 * i, 9 + 3 * i);
    return { id, across: sampling >> 4, down: sampling & 15, table };
  });
  frame.across = Math.max(...frame.components.map((each) => each.across));
  frame.down = Math.max(...frame.components.map((each) => each.down));
  const [wide, high] = [Math.ceil(frame.width / (8 * frame.across)), Math.ceil(frame.height / (8 * frame.down))];
  frame.units = { wide, high };
  for (const each of frame.components) {
    if (!each.across || !each.down || each.across > 4 || each.down > 4) throw new OtherJpeg("sampling");
    each.wide = wide * each.across; // blocks in memory
    each.high = high * each.down;
    each.ownWide = Math.ceil((frame.width * each.across) / (8 * frame.across)); // blocks of a scan of it alone
    each.ownHigh = Math.ceil((frame.height * each.down) / (8 * frame.down));
    each.coefficients = new Int16Array(each.wide * each.high * 64);
  }
}

function readQuantization(frame, segment) {
  for (let place = 0; place < segment.length; ) {
    const [wide, number] = [segment[place] >> 4, segment[place] & 15];
    const table = new Uint16Array(64);
    for (let i = 0; i < 64; i++) {
      const at = place + 1 + i * (wide ? 2 : 1);
      table[NATURAL[i]] = wide ? (segment[at] << 8) | segment[at + 1] : segment[at];
    }
    frame.quantization[number] = table;
    place += wide ? 129 : 65;
  }
}

function readHuffman(frame, segment) {
  for (let place = 0; place < segment.length; ) {
    const name = segment[place];
    const counts = segment.subarray(place + 1, place + 17);
    const total = counts.reduce((sum, each) => sum + each, 0);
    frame.huffman[name] = huffmanTable(counts, segment.subarray(place + 17, place + 17 + total));
    place += 17 + total;
  }
}

/** `quick`: by the next QUICK bits, length << 8 | value, 0 for longer codes; for these `limits` and `offsets` by length. */
function huffmanTable(counts, values) {
  const quick = new Uint16Array(1 << QUICK);
  const limits = new Int32Array(18).fill(-1);
  const offsets = new Int32Array(18);
  let [code, index] = [0, 0];
  for (let length = 1; length <= 16; length++, code <<= 1) {
    offsets[length] = index - code;
    for (let i = 0; i < counts[length - 1]; i++, code++, index++) {
      if (length > QUICK) continue;
      const first = code << (QUICK - length);
      quick.fill((length << 8) | values[index], first, first + (1 << (QUICK - length)));
    }
    limits[length] = counts[length - 1] ? code - 1 : -1;
  }
  return { quick, limits, offsets, values: values.slice() };
}

function scanOf(frame, segment) {
  const count = segment[0];
  if (!count) throw new OtherJpeg("scan");
  frame.scans = (frame.scans ?? 0) + 1;
  if (frame.progressive && (frame.scans > MOST_SCANS || frame.scans * frame.width * frame.height > MOST_SCANNED)) {
    throw new CostlyJpeg("This JPEG has more scans than any photo. Save it again with an image editor.");
  }
  const components = Array.from({ length: count }, (_, i) => {
    const component = frame.components?.find((each) => each.id === segment[1 + 2 * i]);
    if (!component) throw new OtherJpeg("scan");
    return { component, dc: frame.huffman[segment[2 + 2 * i] >> 4], ac: frame.huffman[16 | (segment[2 + 2 * i] & 15)] };
  });
  const [first, last, bits] = segment.subarray(1 + 2 * count, 4 + 2 * count);
  return { components, first, last, high: bits >> 4, low: bits & 15 };
}

function startsWith(segment, text) {
  return [...text].every((letter, i) => segment[i] === letter.charCodeAt(0));
}

/** The camera's orientation flag: EXIF's, else XMP's. */
function readCamera(frame, segment) {
  if (startsWith(segment, "Exif\0\0")) frame.exif ??= orientationOf(segment.subarray(6));
  else if (startsWith(segment, "http://ns.adobe.com/xap/")) {
    frame.xmp ??= Number(/tiff:Orientation(?:="|>)([0-9])/.exec(new TextDecoder("latin1").decode(segment))?.[1] ?? 0);
  }
  const flag = frame.exif || frame.xmp;
  frame.orientation = flag >= 1 && flag <= 8 ? flag : 1;
}

/** Of EXIF data, which are a small TIFF file; 0: none. */
export function orientationOf(tiff) {
  const little = tiff[0] === 0x49;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  try {
    const start = view.getUint32(4, little);
    const count = view.getUint16(start, little);
    for (let i = 0; i < count; i++) {
      const entry = start + 2 + 12 * i;
      if (view.getUint16(entry, little) === 0x0112) return view.getUint16(entry + 8, little);
    }
  } catch {
    // damaged: a picture is not lost for its EXIF data
  }
  return 0;
}

function profileOf(parts) {
  if (!parts.length) return null;
  const sorted = [...parts].sort((a, b) => a[12] - b[12]).map((part) => part.subarray(14));
  const whole = new Uint8Array(sorted.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of sorted) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

function isRgb({ components, adobe, jfif }) {
  if (components.length !== 3 || jfif) return false;
  if (adobe !== null) return adobe === 0;
  return components.map((each) => String.fromCharCode(each.id)).join("") === "RGB";
}
