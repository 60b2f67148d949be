/** A region wider than the page scrolls by keyboard too, and fades at the side where it goes on. */

export function scrolling() {
  const mark = () => document.querySelectorAll(".scroll").forEach(markRegion);
  let isWaiting = false;
  const soon = () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      mark();
    });
  };
  mark();
  new ResizeObserver(soon).observe(document.body);
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
  document.addEventListener("scroll", (event) => event.target.classList?.contains("scroll") && markRegion(event.target), { capture: true, passive: true });
}

function markRegion(region) {
  const more = region.scrollWidth - region.clientWidth;
  if (more > 1) region.tabIndex = 0;
  else region.removeAttribute("tabindex");
  region.classList.toggle("more-before", more > 1 && region.scrollLeft > 1);
  region.classList.toggle("more-after", more > 1 && region.scrollLeft < more - 1);
}
