/** Charts by Observable Plot, in the page's colors, each with a label for screen readers. */

import { color, drawInTheme } from "theme";

/**
 * Draw a chart into a figure, and again when the colors or the figure's width change.
 * @param {HTMLElement} figure
 * @param {string} label what it shows, for readers who cannot see it.
 * @param {(width: number) => object} options Plot's options; called at every drawing.
 * @returns {() => void} draws it again.
 */
export function chart(figure, label, options) {
  if (!figure) return () => {};
  let width = 0;
  const draw = () => {
    width = Math.min(figure.clientWidth || 640, 720);
    const plot = Plot.plot({
      width,
      height: Math.round(width * 0.58),
      marginLeft: 48,
      marginBottom: 38,
      marginRight: 14,
      style: { background: "transparent", color: color("--ink"), fontSize: "12px", fontFamily: "inherit" },
      ...options(width),
    });
    const drawing = plot.tagName === "svg" ? plot : plot.querySelector("svg:last-of-type");
    for (const part of plot.querySelectorAll("[aria-label], [aria-description]")) {
      part.removeAttribute("aria-label"); // of marks and axes: the chart is one image with one label
      part.removeAttribute("aria-description");
    }
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", label);
    figure.replaceChildren(plot);
  };
  drawInTheme(draw);
  new ResizeObserver(() => Math.abs((figure.clientWidth || 640) - width) > 8 && figure.clientWidth <= 720 && draw()).observe(figure);
  return draw;
}

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`;

/** Return at most about ten whole numbers for an axis from the least to the largest of some, in steps of 1, 2 or 5 times a power of ten. */
export function wholeTicks(numbers) {
  const least = Math.min(...numbers), largest = Math.max(...numbers);
  let step = 1;
  for (let i = 0; (largest - least) / step > 10; i++) step *= [2, 2.5, 2][i % 3];
  const first = Math.ceil(least / step);
  return Array.from({ length: Math.floor(largest / step) - first + 1 }, (_, i) => (first + i) * step);
}
