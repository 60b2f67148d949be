/** The picture as numbers: the reader chooses a pixel and sees the numbers around it. */

import { drawPicture, element, inkOn } from "maps";
import { unpack } from "packing";
import { drawInTheme } from "theme";

const AROUND = 3; // rows and columns of neighbors on each side
const NAMES = ["red", "green", "blue"];

export async function begin(data) {
  const { shape, values } = await unpack(data.pixels);
  pixels(values, shape);
}

/**
 * Show the numbers around the chosen pixel.
 * @param {Uint8Array} values row by row.
 * @returns {() => void} draws again, for when the values have changed.
 */
export function pixels(values, [height, width, channels]) {
  const canvas = document.getElementById("picture-canvas");
  const row = document.getElementById("picture-row");
  const column = document.getElementById("picture-column");
  const channel = document.getElementById("picture-channel");
  const draw = () => {
    const alone = channel?.value ? Number(channel.value) : null;
    const [y, x] = [within(row, height), within(column, width)];
    drawPicture(canvas, values, height, width, channels, alone);
    mark(canvas, y, x);
    write(values, [height, width, channels], y, x, alone);
  };
  for (const control of [row, column, channel]) control?.addEventListener("input", draw);
  const follow = (event) => {
    const box = canvas.getBoundingClientRect();
    row.value = Math.floor(((event.clientY - box.top) / box.height) * height);
    column.value = Math.floor(((event.clientX - box.left) / box.width) * width);
    for (const control of [row, column]) control.dispatchEvent(new Event("input"));
  };
  canvas.addEventListener("pointerdown", follow);
  canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && follow(event));
  canvas.hidden = false;
  drawInTheme(draw);
  return draw;
}

function within(input, length) {
  return Math.max(0, Math.min(length - 1, Math.floor(Number(input.value)) || 0));
}

function mark(canvas, y, x) {
  const context = canvas.getContext("2d");
  context.fillStyle = "#ff00ff";
  context.globalAlpha = 0.8;
  context.fillRect(x, y, 1, 1);
  context.globalAlpha = 1;
}

function write(values, [height, width, channels], y, x, alone) {
  const at = (row, column) => [...values.subarray((row * width + column) * channels, (row * width + column + 1) * channels)];
  const numbers = at(y, x);
  const text = channels === 1 ? `${numbers[0]}` : numbers.map((value, c) => `${NAMES[c]} ${value}`).join(", ");
  document.getElementById("picture-says").textContent = `Row ${y}, column ${x}: ${text}.`;
  const table = document.getElementById("picture-numbers");
  table.caption.textContent = `${channels === 1 || alone != null ? "Pixel" : "RGB"} values around it`;
  table.tBodies[0].replaceChildren(...around(y, height).map((row) => element("tr", {}, ...around(x, width).map((column) => {
    const here = alone == null ? at(row, column) : [at(row, column)[alone]];
    const color = alone == null && channels === 3 ? here : [here[0], here[0], here[0]];
    const cell = element("td", { style: `background: rgb(${color}); color: ${inkOn(color)}`, "data-row": row, "data-column": column });
    here.forEach((value, index) => cell.append(...(index ? [element("br")] : []), String(value)));
    if (row === y && column === x) cell.className = "chosen";
    return cell;
  }))));
}

function around(middle, length) {
  const first = Math.max(0, Math.min(middle - AROUND, length - 2 * AROUND - 1));
  return Array.from({ length: Math.min(length, 2 * AROUND + 1) }, (_, index) => first + index);
}
