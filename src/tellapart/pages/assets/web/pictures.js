/**
 * From a file or a canvas to an upright picture: {pixels (height, width, 3), width, height, channels: 3, note}.
 *
 * JPEGs are decoded here. Other formats are the browser's; what may then differ from `tellapart predict` is in the note.
 */

import { CostlyJpeg, isJpeg } from "jpeg_markers";
import { decodeJpeg } from "jpeg_samples";
import { toSrgb } from "profiles";

const BY_BROWSER = "Read by the browser's own decoder: tellapart predict may differ in the last digits.";

/**
 * Read a File or Blob. `reductionOf(width, height)`: by how much a JPEG may be reduced; `quick`: by the fast transform.
 * Throws what a reader can read.
 */
export async function readPicture(file, reductionOf, quick) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (isJpeg(bytes)) {
    try {
      return upright(decodeJpeg(bytes, reductionOf, quick));
    } catch (reason) {
      if (reason instanceof CostlyJpeg) throw reason;
    } // damaged, of a rare kind, or too large for this device: the browser may do it
    return { ...(await byBrowser(file, "default")), note: BY_BROWSER };
  }
  const profile = holds(bytes, "iCCP") || holds(bytes, "ICCP");
  const picture = await byBrowser(file, profile || !isPlain(bytes) ? "default" : "none");
  const exact = isPlain(bytes) && !profile && !isDeep(bytes) && picture.opaque;
  return { ...picture, note: exact ? "" : BY_BROWSER };
}

/** What a canvas shows. */
export function pictureOf(canvas) {
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return { ...overWhite(data), width, height, channels: 3, note: "" };
}

function upright(decoded) {
  const { pixels, width, height, orientation, profile } = decoded;
  const converted = toSrgb(pixels, profile, decoded.isGray);
  const note = converted ? converted.note : "";
  return { ...turned({ pixels: converted?.pixels ?? pixels, width, height, channels: 3 }, orientation), note };
}

/** Pixels as the camera stored them, upright: rows and columns exchanged from 5 on, then mirrored. */
export function turned(picture, orientation) {
  if (orientation === 1) return picture;
  const { pixels, width, height } = picture;
  const [wide, high] = orientation >= 5 ? [height, width] : [width, height];
  const result = new Uint8Array(pixels.length);
  const [flipRows, flipColumns] = [[3, 4, 6, 7].includes(orientation), [2, 3, 7, 8].includes(orientation)];
  for (let y = 0, from = 0; y < height; y++) {
    const storedRow = flipRows ? height - 1 - y : y;
    for (let x = 0; x < width; x++, from += 3) {
      const storedColumn = flipColumns ? width - 1 - x : x;
      const to = 3 * (orientation >= 5 ? storedColumn * wide + storedRow : storedRow * wide + storedColumn);
      result[to] = pixels[from];
      result[to + 1] = pixels[from + 1];
      result[to + 2] = pixels[from + 2];
    }
  }
  return { ...picture, pixels: result, width: wide, height: high };
}

async function byBrowser(file, colorSpaceConversion) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion, premultiplyAlpha: "none", imageOrientation: "from-image" });
  } catch {
    throw new Error(`${file.name || "This file"} is no picture that this browser can read, or it is damaged.`);
  }
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { ...overWhite(context.getImageData(0, 0, canvas.width, canvas.height).data), width: canvas.width, height: canvas.height, channels: 3 };
}

/** Red, green, blue and opacity to three channels over white. */
function overWhite(data) {
  const pixels = new Uint8ClampedArray((data.length / 4) * 3);
  let opaque = true;
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    const alpha = data[from + 3];
    opaque &&= alpha === 255;
    for (let channel = 0; channel < 3; channel++) {
      const level = data[from + channel];
      pixels[to + channel] = alpha === 255 ? level : Math.floor((level * alpha + 255 * (255 - alpha)) / 255 + 0.5);
    }
  }
  return { pixels, opaque };
}

/** PNG, GIF and BMP are without loss, and WebP's decoder is one; of all others, browsers have their own. */
function isPlain(bytes) {
  const starts = (text, place = 0) => [...text].every((letter, i) => bytes[place + i] === letter.charCodeAt(0));
  return starts("\x89PNG") || starts("GIF8") || starts("BM") || (starts("RIFF") && starts("WEBP", 8));
}

function isDeep(bytes) {
  return bytes[0] === 0x89 && bytes[24] === 16; // a PNG of 16 bits
}

function holds(bytes, text) {
  return new TextDecoder("latin1").decode(bytes.subarray(0, 4096)).includes(text);
}
