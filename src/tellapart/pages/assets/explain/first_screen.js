/** The photo under its heat map: the reader chooses the map's strength, and of several labels whose map it is. */

export function begin(data) {
  const slider = document.getElementById("strength");
  if (!slider) return;
  const show = () => {
    document.getElementById("photo").style.setProperty("--strength", slider.value / 100);
    document.getElementById("strength-value").textContent = `${slider.value}%`;
    slider.setAttribute("aria-valuetext", `${slider.value}%`);
  };
  slider.addEventListener("input", show);
  if (data?.maps) choose(data.maps, slider, show);
  show(); // a browser keeps the slider's place when the page is loaded again
}

function choose(maps, slider, show) {
  const chooser = document.getElementById("label-map");
  const draw = () => {
    const map = maps[Number(chooser.value)];
    document.querySelector("#photo .heat").src = map.url;
    document.querySelector("#photo .stage").setAttribute("aria-label", map.label);
    const verdict = document.getElementById("map-verdict");
    verdict.textContent = map.line;
    verdict.className = `verdict ${map.is_faithful ? "right" : "wrong"}`;
    document.getElementById("map-key").replaceChildren(...map.key.flatMap(([kind, words]) => {
      const swatch = document.createElement("i");
      swatch.className = kind;
      return [swatch, `${words} `];
    }));
    slider.value = map.strength;
    show();
  };
  chooser.addEventListener("change", draw);
  document.getElementById("label-controls").hidden = false;
  chooser.value = "0"; // a browser keeps the choice, and the page shows the first map
}
