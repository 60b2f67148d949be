/** A photo goes to the server; its answer becomes bars, and an explanation is one click away. */

import { onPhoto, showPhoto } from "photo";
import { TOP, begin, end, say, show } from "prediction";
import { begin as beginTheme } from "theme";

const element = (id) => document.getElementById(id);

let photo = null;
let asked = 0;

beginTheme(element("theme"));
onPhoto((file) => {
  photo = file;
  showPhoto(file);
  predict();
});
element("model").addEventListener("change", () => photo && predict());
element("explain").addEventListener("click", explain);
element("correct")?.addEventListener("submit", correct);
element("token-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  if (photo) predict();
  else listModels().catch(() => say("The server cannot be reached. Try again in a moment."));
});

function post(action, query = "") {
  const name = encodeURIComponent(element("model").value);
  const headers = { "Content-Type": photo.type || "application/octet-stream", ...authorization() };
  return fetch(`${name ? `models/${name}/` : ""}${action}${query}`, { method: "POST", body: photo, headers });
}

/** With a token, the names of the models come after it. */
async function listModels() {
  if (element("model").options.length) return;
  const response = await fetch("models", { headers: authorization() });
  const answer = await response.json();
  if (!response.ok) return say(answer.error);
  const names = answer.models.map((model) => model.name);
  element("model").replaceChildren(...names.map((name) => new Option(name)));
  element("model").parentElement.hidden = names.length < 2;
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
  begin("Predicting …", "explain", "correction");
  try {
    const response = await post("predict", `${nameQuery()}&top=${TOP}`);
    const answer = await response.json();
    if (number !== asked) return; // another photo was chosen meanwhile
    const prediction = answer.predictions?.[0];
    if (prediction?.error || !prediction) say(prediction?.error ?? answer.error);
    else {
      await listModels().catch(() => {}); // the models of a server with a token; this one has answered
      if (number === asked) offer(prediction);
    }
  } catch {
    if (number === asked) say("The server cannot be reached. Try again in a moment.");
  } finally {
    if (number === asked) end();
  }
}

function offer(prediction) {
  show(prediction);
  element("explain").textContent = "Explain";
  element("explain").hidden = false;
  if (element("correction")) offerCorrection();
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
  element("kept").textContent = "The server keeps this photo and your label for training.";
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
