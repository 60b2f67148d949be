/** The pictures whose small changes flip the answer. */

import { drawPicture } from "maps";
import { unpack } from "packing";

export async function begin(told) {
  const { shape: [, height, width, channels], values } = await unpack(told.pictures);
  const size = height * width * channels;
  document.querySelectorAll(".changed canvas").forEach((canvas, place) => {
    drawPicture(canvas, values.subarray(place * size, (place + 1) * size), height, width, channels);
    canvas.hidden = false;
  });
}
