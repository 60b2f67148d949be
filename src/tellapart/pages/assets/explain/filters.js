/** What channels respond to: the reader chooses a layer, and the size of its pictures. */

export function begin() {
  const controls = document.getElementById("filters-controls");
  if (!controls) return;
  const layers = document.getElementById("filters-layers");
  const layer = document.getElementById("filters-layer");
  const size = document.getElementById("filters-size");
  layer.addEventListener("input", () => {
    for (const section of layers.children) section.hidden = layer.value !== "" && section.dataset.layer !== layer.value;
  });
  const enlarge = () => {
    layers.style.setProperty("--times", size.value);
    size.setAttribute("aria-valuetext", `${Number(size.value)} times`);
  };
  size.addEventListener("input", enlarge);
  enlarge();
  controls.hidden = false;
}
