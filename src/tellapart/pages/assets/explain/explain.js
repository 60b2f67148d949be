/** The explanation's moving parts: each section's module, where the page has that section. */

import { begin } from "theme";
import { contents } from "contents";
import { scrolling } from "scrolling";

contents();
scrolling();
const data = JSON.parse(document.getElementById("data").textContent);
for (const [name, told] of Object.entries(data)) {
  const section = await import(name);
  document.querySelector(`.section-${name}`).dataset.begun = "true";
  await section.begin(told);
}
begin(document.getElementById("theme"));
document.documentElement.dataset.ready = "true";
