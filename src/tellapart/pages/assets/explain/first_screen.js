/** The photo under its heat map: the reader chooses the map's strength. */

export function begin() {
  const slider = document.getElementById("strength");
  if (!slider) return;
  const show = () => {
    document.getElementById("photo").style.setProperty("--strength", slider.value / 100);
    document.getElementById("strength-value").textContent = `${slider.value}%`;
    slider.setAttribute("aria-valuetext", `${slider.value}%`);
  };
  slider.addEventListener("input", show);
  show(); // a browser keeps the slider's place when the page is loaded again
}
