/** What channels look for: the reader chooses a layer, and how large its pictures are. */

export function begin() {
  const controls = document.getElementById("filters-controls");
  if (!controls) return;
  const layers = document.getElementById("filters-layers");
  const layer = document.getElementById("filters-layer");
  const size = document.getElementById("filters-size");
  layer.addEventListener("input", () => {
    for (const one of layers.children) one.hidden = layer.value !== "" && one.dataset.layer !== layer.value;
  });
  const enlarge = () => {
    layers.style.setProperty("--times", size.value);
    size.setAttribute("aria-valuetext", `${Number(size.value)} times`);
  };
  size.addEventListener("input", enlarge);
  enlarge();
  controls.hidden = false;
}
