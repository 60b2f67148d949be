/** A plane of two inputs from 0 to 1: a neuron's output everywhere, where its sum is zero, and labeled points. */

import { chart } from "charts";
import { color } from "theme";

const PLANE = { x1: 0, y1: 0, x2: 1, y2: 1 };
const AROUND = { x1: -1, y1: -1, x2: 2, y2: 2 }; // a contour is closed along its border, which is to stay out of sight

/**
 * Draw it into a figure.
 * @param {string} says its description for readers who cannot see it.
 * @param {() => object} state called at every drawing: `made` and `sum` at a point (x, y), the largest `made` (`most`),
 *   `axes`, and perhaps `points` [{x, y, is, wrong}] and the `chosen` point.
 * @returns {() => void} redraws it.
 */
export function plane(figure, says, state) {
  return chart(figure, says, (width) => {
    const { made, sum, most, axes, points = [], chosen } = state();
    const side = Math.min(width, 420);
    return {
      width: side,
      height: side,
      x: { domain: [0, 1], label: axes[0], ticks: 4, insetLeft: 6, insetRight: 6 },
      y: { domain: [0, 1], label: axes[1], ticks: 4, insetTop: 6, insetBottom: 6 },
      color: tints(most),
      marks: [
        Plot.raster({ ...PLANE, fill: made, pixelSize: 4 }),
        Plot.contour({ ...AROUND, value: sum, thresholds: [0], stroke: color("--ink"), strokeWidth: 2, pixelSize: 6, clip: true }),
        ...[0, 1].map((is) => known(points.filter((one) => one.is === is), is)),
        Plot.dot(points.filter((one) => one.wrong), { x: "x", y: "y", r: 7.5, stroke: color("--wrong"), strokeWidth: 2 }),
        chosen && Plot.dot([chosen], { x: "x", y: "y", r: 9, stroke: color("--ink"), strokeWidth: 2.5 }),
      ],
    };
  });
}

/** Colors of 0 to `most`: from orange through the paper's color to blue for a probability, else from the paper's color on. */
function tints(most) {
  const paper = color("--raised");
  const tint = (name) => d3.interpolateRgb(paper, color(name))(0.45);
  if (most === 1) return { type: "linear", domain: [0, 0.5, 1], range: [tint("--series-2"), paper, tint("--series-1")] };
  return { domain: [0, most], range: [paper, tint("--series-3")] };
}

function known(points, is) {
  const fill = color(is ? "--series-1" : "--series-2");
  return Plot.dot(points, { x: "x", y: "y", symbol: is ? "circle" : "square", r: 4, fill, stroke: color("--raised") });
}
