/** Draws the changed pictures, if they are small, pixel by pixel; larger ones stay images. */

import { drawPicture } from "maps";
import { unpack } from "packing";

export async function begin(data) {
  if (!data.pictures) return;
  const { shape: [, height, width, channels], values } = await unpack(data.pictures);
  const size = height * width * channels;
  document.querySelectorAll(".changed canvas").forEach((canvas, place) => {
    drawPicture(canvas, values.subarray(place * size, (place + 1) * size), height, width, channels);
    canvas.hidden = false;
  });
}
