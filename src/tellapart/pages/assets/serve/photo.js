/** A photo is chosen, dropped or pasted: it is shown, and handed on as a File. */

const element = (id) => document.getElementById(id);

/** Call `take(file)` for each photo. */
export function onPhoto(take) {
  const given = (file) => file && take(file);
  element("file").addEventListener("change", (event) => {
    given(event.target.files[0]);
    event.target.value = ""; // the same photo may be chosen again
  });
  document.addEventListener("paste", (event) => given([...event.clipboardData.files].find((each) => each.type.startsWith("image/"))));
  const drop = element("drop");
  for (const type of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", type === "dragover");
      if (type === "drop") given(event.dataTransfer.files[0]);
    });
  }
}

export function showPhoto(file) {
  const image = element("photo");
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  image.alt = file.name || "The pasted photo";
  image.hidden = false;
  image.onerror = () => (image.hidden = true);
  element("invitation").hidden = true;
  element("drop").classList.add("full");
}
