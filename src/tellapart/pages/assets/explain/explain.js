/** Starts the module of each section that the page has, the first screen before all others. */

import { begin } from "theme";
import { contents } from "contents";
import { scrolling } from "scrolling";

begin(document.getElementById("theme"));
contents();
scrolling();
const sections = JSON.parse(document.getElementById("data").textContent);
for (const [name, data] of Object.entries(sections)) {
  const section = await import(name);
  document.querySelector(`.section-${name}`).dataset.begun = "true";
  await section.begin(data);
}
document.documentElement.dataset.ready = "true";
