/** Training pictures for and against: the reader chooses the answer that they speak of. */

export function begin() {
  const controls = document.getElementById("training-controls");
  if (!controls) return;
  const chosen = document.getElementById("training-class");
  const show = () => {
    for (const one of document.querySelectorAll("#training-classes .speakers")) {
      one.hidden = one.dataset.class !== chosen.value;
    }
  };
  chosen.addEventListener("input", show);
  show();
  controls.hidden = false;
}
