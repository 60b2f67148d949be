/** What is wider than the page can be scrolled by keyboard too. */

export function scrolling() {
  const regions = [...document.querySelectorAll(".scroll")];
  const mark = () => {
    for (const region of regions) {
      const isWider = region.scrollWidth > region.clientWidth + 1;
      if (isWider) region.tabIndex = 0;
      else region.removeAttribute("tabindex");
    }
  };
  mark();
  new ResizeObserver(mark).observe(document.body);
}
