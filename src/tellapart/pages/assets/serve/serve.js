/** A photo goes to the server; its answer becomes bars, and an explanation is one click away. */

import { begin } from "theme";

const element = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 || share >= 0.9995 ? 1 : 0)}%`;

let photo = null;
let asked = 0;

begin(element("theme"));
element("file").addEventListener("change", (event) => take(event.target.files[0]));
element("model").addEventListener("change", () => photo && predict());
element("explain").addEventListener("click", explain);
element("correct")?.addEventListener("submit", correct);
element("token-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  if (photo) predict();
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
  if (file) take(file);
});

const drop = element("drop");
for (const type of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", type === "dragover");
    if (type === "drop" && event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}

function take(file) {
  if (!file) return;
  const image = element("photo");
  if (image.src) URL.revokeObjectURL(image.src);
  photo = file;
  image.src = URL.createObjectURL(file);
  image.alt = file.name || "The pasted photo";
  image.hidden = false;
  image.onerror = () => (image.hidden = true);
  element("invitation").hidden = true;
  drop.classList.add("full");
  predict();
}

function post(action, query = "") {
  const name = encodeURIComponent(element("model").value);
  const headers = { "Content-Type": photo.type || "application/octet-stream", ...authorization() };
  return fetch(`models/${name}/${action}${query}`, { method: "POST", body: photo, headers });
}

function authorization() {
  const token = element("token")?.value;
  return token ? { Authorization: `Bearer ${token}` } : {};
}

function nameQuery() {
  return `?name=${encodeURIComponent(photo.name || "This photo")}`;
}

async function predict() {
  const number = ++asked;
  say("Predicting …");
  element("result").classList.add("busy");
  for (const id of ["answer", "unfamiliar", "bars", "explain", "correction"]) element(id)?.toggleAttribute("hidden", true);
  try {
    const response = await post("predict", `${nameQuery()}&top=5`);
    const answer = await response.json();
    if (number !== asked) return; // another photo was chosen meanwhile
    const prediction = answer.predictions?.[0];
    if (prediction?.error || !prediction) say(prediction?.error ?? answer.error);
    else show(prediction);
  } catch {
    if (number === asked) say("The server cannot be reached. Try again in a moment.");
  } finally {
    if (number === asked) element("result").classList.remove("busy");
  }
}

function show(prediction) {
  say("");
  const doubtful = prediction.familiar === false;
  const labels = Array.isArray(prediction.predicted) ? prediction.predicted : null;
  const best = prediction.group ? `${prediction.group} ${percent(prediction.group_probability)}` : prediction.predicted;
  element("answer").textContent = doubtful ? "Probably none of these" : labels ? labels.join(", ") || "None of the labels" : best;
  element("answer").hidden = false;
  element("unfamiliar").textContent = "The photo is unlike those that the model learned from. Of its classes, these are the likeliest:";
  element("unfamiliar").hidden = !doubtful;
  element("bars").classList.toggle("doubtful", doubtful);
  element("bars").replaceChildren(...Object.entries(prediction.probabilities).map(bar));
  element("bars").hidden = false;
  element("explain").textContent = "Explain";
  element("explain").hidden = false;
  if (element("correction")) offerCorrection();
}

function bar([name, share]) {
  const item = document.createElement("li");
  const row = Object.assign(document.createElement("div"), { className: "row" });
  row.append(span(name), span(percent(share)));
  const track = Object.assign(document.createElement("div"), { className: "track" });
  const fill = document.createElement("i");
  fill.style.width = `${100 * share}%`;
  track.append(fill);
  item.append(row, track);
  return item;
}

function span(text) {
  return Object.assign(document.createElement("span"), { textContent: text });
}

async function explain() {
  const button = element("explain");
  if (button.getAttribute("aria-disabled") === "true") return;
  const tab = window.open("", "_blank"); // while the click counts; later browsers would refuse it
  if (tab) tab.document.body.textContent = "Explaining …";
  button.setAttribute("aria-disabled", "true");
  button.textContent = "Explaining …";
  try {
    const response = await post("explain", nameQuery());
    if (!response.ok) throw new Error((await response.json()).error);
    const url = URL.createObjectURL(new Blob([await response.text()], { type: "text/html" }));
    if (tab) tab.location = url;
    else location.href = url;
  } catch (reason) {
    tab?.close();
    say(reason.message);
  }
  button.setAttribute("aria-disabled", "false");
  button.textContent = "Explain";
}

async function offerCorrection() {
  element("correction").hidden = false;
  element("correction").open = false;
  element("label").value = "";
  element("kept").textContent = "The photo and what you say are kept on the server, for training.";
  const response = await fetch(`models/${encodeURIComponent(element("model").value)}`, { headers: authorization() });
  const { classes = [] } = await response.json();
  element("classes").replaceChildren(...classes.map((value) => Object.assign(document.createElement("option"), { value })));
}

async function correct(event) {
  event.preventDefault();
  const label = element("label").value;
  const response = await post("correct", `?label=${encodeURIComponent(label)}`);
  const answer = await response.json();
  element("kept").textContent = answer.error ?? `Kept as ${label}. Thank you.`;
}

function say(words) {
  element("status").textContent = words;
  element("status").hidden = !words;
}
