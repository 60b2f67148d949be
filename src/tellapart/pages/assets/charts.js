/** Charts with Observable Plot, in the page's colors, each with a sentence that says what it shows. */

import { color, drawInTheme } from "theme";

/**
 * Put a chart into a figure, and draw it anew when the colors or the figure's width change.
 * @param {HTMLElement} figure
 * @param {string} says what a reader who does not see it should be told.
 * @param {(width: number) => object} options what Plot is given; called at every drawing.
 * @returns {() => void} draws it anew.
 */
export function chart(figure, says, options) {
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
      part.removeAttribute("aria-label"); // of marks and axes: the whole is one picture with one label
      part.removeAttribute("aria-description");
    }
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", says);
    figure.replaceChildren(plot);
  };
  drawInTheme(draw);
  new ResizeObserver(() => Math.abs((figure.clientWidth || 640) - width) > 8 && figure.clientWidth <= 720 && draw()).observe(figure);
  return draw;
}

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`;
