/** Links within the page. In a notebook's frame a fragment leads to the notebook itself, so there a script scrolls. */

export function contents() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const target = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target || isHere(link.href)) return;
    event.preventDefault();
    if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  });
}

const isHere = (address) => address.split("#")[0] === location.href.split("#")[0];
