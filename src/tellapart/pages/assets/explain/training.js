/** Training pictures for and against: the reader chooses the class. */

export function begin() {
  const controls = document.getElementById("training-controls");
  if (!controls) return;
  const chosen = document.getElementById("training-class");
  const show = () => {
    for (const side of document.querySelectorAll("#training-classes .sides")) {
      side.hidden = side.dataset.class !== chosen.value;
    }
  };
  chosen.addEventListener("input", show);
  show();
  controls.hidden = false;
}
