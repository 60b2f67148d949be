/** A prediction, as `tellapart predict --json` has it, becomes a line and bars; here or from a server. */

const element = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 || share >= 0.9995 ? 1 : 0)}%`;

export const TOP = 5;
/** Classes that get a bar. */

export function say(words) {
  element("status").textContent = words;
  element("status").hidden = !words;
}

/** Hide what was predicted before; `words` say what is being done. */
export function begin(words, ...others) {
  say(words);
  element("result").classList.add("busy");
  for (const id of ["answer", "unfamiliar", "bars", ...others]) element(id)?.toggleAttribute("hidden", true);
}

export function end() {
  element("result").classList.remove("busy");
}

export function show(prediction) {
  say("");
  const doubtful = prediction.familiar === false;
  const labels = Array.isArray(prediction.predicted) ? prediction.predicted : null;
  const best = prediction.group ? `${prediction.group} ${percent(prediction.group_probability)}` : prediction.predicted;
  element("answer").textContent = doubtful ? "Probably none of these" : labels ? labels.join(", ") || "None of the labels" : best;
  element("answer").hidden = false;
  element("unfamiliar").textContent = "The photo is unlike those that the model learned from. Of its classes, these are the likeliest:";
  element("unfamiliar").hidden = !doubtful;
  element("bars").classList.toggle("doubtful", doubtful);
  element("bars").replaceChildren(...sorted(prediction.probabilities).map(bar));
  element("bars").hidden = false;
}

/** Likeliest first: a JavaScript object puts names such as 7 in front of all others. */
function sorted(probabilities) {
  return Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
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
