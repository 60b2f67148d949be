/** A model's own page: photos, drawings and the camera are predicted in the browser; nothing leaves it. */

import { draw, measure } from "occlusion";
import { drawing } from "drawing";
import { camera, hasCamera } from "camera";
import { begin, end, say, show } from "prediction";
import { onPhoto, showPhoto } from "photo";
import { pictureOf } from "pictures";
import { predict, prepared, read } from "answers";
import { begin as beginTheme } from "theme";
import { load } from "network";

const element = (id) => document.getElementById(id);
const { record, ink } = JSON.parse(element("data").textContent);
const { preparing } = record;
const PAPER = { light: 0, dark: 255 }; // around a drawing
const STILL = "The photo never leaves this device.";

let asked = 0;
let subject = null; // {picture, pixels, prediction}, of what is shown
let measuring = 0;
let last = null; // file that is shown in the place for photos

beginTheme(element("theme"));
onPhoto(takePhoto);
element("explain").addEventListener("click", explain);

const lens = camera(element("video"), (canvas) => answer(async () => prepared(pictureOf(canvas), preparing), { live: true }));
element("camera").hidden = !hasCamera();
element("camera").addEventListener("click", openCamera);
element("take").addEventListener("click", async () => takePhoto(await lens.take()));
element("take").disabled = true; // until the camera shows something
element("close").addEventListener("click", back);

if (ink) {
  const field = drawing(element("field"), ink, (canvas) => answer(async () => prepared(pictureOf(canvas), preparing)));
  element("draw").hidden = false;
  element("draw").addEventListener("click", () => only("drawing"));
  element("clear").addEventListener("click", () => {
    field.clear();
    forget();
  });
  element("leave").addEventListener("click", back);
}

say("Loading the network …");
load().then(
  () => subject ?? (element("status").textContent === "Loading the network …" && say(STILL)),
  (reason) => say(`The network cannot run in this browser (${reason.message}). Try a current Chrome, Edge, Firefox or Safari.`),
).finally(() => (document.documentElement.dataset.ready = ""));

/** Show one of the ways to give a picture. */
function only(shown) {
  if (shown !== "viewfinder") lens.close();
  for (const id of ["drop", "viewfinder", "drawing"]) element(id)?.toggleAttribute("hidden", id !== shown);
  element("ways").hidden = shown !== "drop";
  forget();
  if (shown === "drop") element("file").focus();
}

function forget() {
  asked++;
  stopMeasuring();
  subject = null;
  begin(STILL, "explain", "map-words", "reading");
  end();
}

/** From camera or drawing to the photo that was there before. */
function back() {
  only("drop");
  if (last) answer(() => read(last, preparing));
}

function takePhoto(file) {
  last = file;
  only("drop");
  showPhoto(file);
  answer(() => read(file, preparing));
}

async function openCamera() {
  try {
    only("viewfinder");
    say("Waiting for the camera …");
    element("take").disabled = true;
    element("take").disabled = !(await lens.open());
  } catch (reason) {
    only("drop");
    say(reason.name === "NotAllowedError" ? "The browser does not let this page use the camera." : "No camera was found.");
  }
}

/** Predict what `pixelsOf()` reads. `live`: the last answer stays until there is a new one. */
async function answer(pixelsOf, { live = false } = {}) {
  const number = ++asked;
  stopMeasuring();
  element("result").setAttribute("aria-live", live ? "off" : "polite"); // five answers a second are too many to be read out
  if (!live) begin("Predicting …", "explain", "map-words", "reading");
  try {
    if (!live) await new Promise((resume) => setTimeout(resume)); // so that the words are painted
    const ready = await pixelsOf();
    const prediction = await predict(ready, record);
    if (number !== asked) return; // another photo was given meanwhile
    subject = { ...ready, prediction };
    show(prediction);
    element("reading").textContent = ready.picture.note;
    element("reading").hidden = !ready.picture.note;
    element("explain").hidden = live || prediction.predicted.length === 0;
  } catch (reason) {
    if (number === asked) say(reason.message);
  } finally {
    if (number === asked) end();
  }
}

function stopMeasuring() {
  measuring++;
  element("map")?.remove();
  element("progress").hidden = true;
  element("map-words").hidden = true;
  element("explain").textContent = "Show what mattered";
}

async function explain() {
  if (element("map")) return stopMeasuring();
  stopMeasuring();
  const own = measuring;
  const { picture, pixels, prediction } = subject;
  const progress = element("progress");
  Object.assign(progress, { hidden: false, value: 0 });
  element("explain").textContent = "Stop";
  const canvas = Object.assign(document.createElement("canvas"), { id: "map" });
  canvas.setAttribute("aria-hidden", "true");
  const stage = element("drawing")?.hidden === false ? element("field").parentElement : element("stage");
  stage.append(canvas);
  const falls = await measure(pixels, record, prediction.best, PAPER[ink] ?? 127, (share) => {
    if (own === measuring) progress.value = share;
    return own === measuring;
  });
  if (!falls || own !== measuring) return;
  progress.hidden = true;
  element("map-words").textContent = draw(canvas, falls, picture, preparing, record.class_names[prediction.best]);
  element("map-words").hidden = false;
  element("explain").textContent = "Hide what mattered";
}
