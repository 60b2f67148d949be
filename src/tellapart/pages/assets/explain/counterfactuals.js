/** Draws the changed pictures. */

import { drawPicture } from "maps";
import { unpack } from "packing";

export async function begin(data) {
  const { shape: [, height, width, channels], values } = await unpack(data.pictures);
  const size = height * width * channels;
  document.querySelectorAll(".changed canvas").forEach((canvas, place) => {
    drawPicture(canvas, values.subarray(place * size, (place + 1) * size), height, width, channels);
    canvas.hidden = false;
  });
}
