/** From logits to probabilities, at a temperature of the reader's choice. */

const RANGE = Math.log(20) / 100; // the slider's ends are temperatures of 1/20 and 20

export function begin(told) {
  const slider = document.getElementById("temperature");
  const show = (temperature) => {
    document.getElementById("temperature-value").textContent = temperature.toFixed(2);
    slider.setAttribute("aria-valuetext", `temperature ${temperature.toFixed(2)}`);
    fill(told, temperature);
  };
  const set = (temperature) => {
    slider.value = Math.round(Math.log(temperature) / RANGE);
    show(temperature);
  };
  slider.addEventListener("input", () => show(Math.exp(RANGE * Number(slider.value))));
  document.getElementById("temperature-one").addEventListener("click", () => set(1));
  document.getElementById("temperature-fitted")?.addEventListener("click", () => set(told.temperature));
  set(1);
}

/** Softmax of logits, the largest taken from all of them first so that nothing overflows. */
export function softmax(logits, temperature) {
  const most = Math.max(...logits);
  const raised = logits.map((logit) => Math.exp((logit - most) / temperature));
  const sum = raised.reduce((total, one) => total + one, 0);
  return { raised, probabilities: raised.map((one) => one / sum) };
}

function fill(told, temperature) {
  const { raised, probabilities } = softmax(told.logits, temperature);
  const rows = [...document.querySelector("#softmax tbody").rows];
  const write = (row, one, share) => {
    row.querySelector(".raised").textContent = one < 1e-4 ? one.toExponential(2) : one.toFixed(4);
    row.querySelector(".raised").dataset.value = one;
    const cell = row.querySelector(".probability");
    cell.textContent = `${(100 * share).toFixed(2)}%`;
    cell.dataset.value = share;
    cell.closest("td").style.setProperty("--share", share.toFixed(5));
  };
  const sums = (indices) => [raised, probabilities].map((of) => indices.reduce((total, i) => total + of[i], 0));
  told.shown.forEach((index, place) => write(rows[place], raised[index], probabilities[index]));
  const all = told.logits.map((_, index) => index);
  const others = rows.find((row) => row.className === "others");
  if (others) write(others, ...sums(all.filter((index) => !told.shown.includes(index))));
  write(rows.at(-1), ...sums(all));
}
