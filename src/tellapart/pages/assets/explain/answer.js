/** From logits to probabilities, at a temperature that the reader chooses. */

const RANGE = Math.log(20) / 100; // the slider's ends are temperatures of 1/20 and 20

export function begin(data) {
  const slider = document.getElementById("temperature");
  if (!slider) return; // several labels: a sigmoid each
  const show = (temperature) => {
    document.getElementById("temperature-value").textContent = temperature.toFixed(2);
    slider.setAttribute("aria-valuetext", `temperature ${temperature.toFixed(2)}`);
    fill(data, temperature);
  };
  const set = (temperature) => {
    slider.value = Math.round(Math.log(temperature) / RANGE);
    show(temperature);
  };
  slider.addEventListener("input", () => show(Math.exp(RANGE * Number(slider.value))));
  document.getElementById("temperature-one").addEventListener("click", () => set(1));
  document.getElementById("temperature-fitted")?.addEventListener("click", () => set(data.temperature));
  set(1);
}

/** Softmax of logits; the largest is subtracted first, so that nothing overflows. */
export function softmax(logits, temperature) {
  const most = Math.max(...logits);
  const raised = logits.map((logit) => Math.exp((logit - most) / temperature));
  const sum = raised.reduce((total, value) => total + value, 0);
  return { raised, probabilities: raised.map((value) => value / sum) };
}

/** A share in percent; below 1 it is never rounded up to 100%. */
function percent(share) {
  const text = `${(100 * share).toFixed(2)}%`;
  if (text === "0.00%" && share > 0) return "< 0.01%";
  return text === "100.00%" && share < 1 - 1e-9 ? "> 99.99%" : text;
}

function fill(data, temperature) {
  const { raised, probabilities } = softmax(data.logits, temperature);
  const rows = [...document.querySelector("#softmax tbody").rows];
  const write = (row, power, share) => {
    row.querySelector(".raised").textContent = power < 1e-4 ? power.toExponential(2) : power.toFixed(4);
    row.querySelector(".raised").dataset.value = power;
    const cell = row.querySelector(".probability");
    cell.textContent = percent(share);
    cell.dataset.value = share;
    cell.closest("td").style.setProperty("--share", share.toFixed(5));
  };
  const sums = (indices) => [raised, probabilities].map((of) => indices.reduce((total, i) => total + of[i], 0));
  data.shown.forEach((index, place) => write(rows[place], raised[index], probabilities[index]));
  const all = data.logits.map((_, index) => index);
  const others = rows.find((row) => row.className === "others");
  if (others) write(others, ...sums(all.filter((index) => !data.shown.includes(index))));
  write(rows.at(-1), ...sums(all));
}
