/** Put right: correction cards with a filter, and statements to judge. */

import { begin, byId, facts } from "lesson";
import { element } from "maps";

const STEP = 8; // coprime with the number of cards, so each comes once, and not in the page's order
const order = facts.cards.map((_, i) => facts.cards[(i * STEP) % facts.cards.length]);
const judged = new Map();
let at = 0;

/** Text whose parts between backticks are code. */
const coded = (text) => text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));

function show() {
  byId("statement").replaceChildren(...coded(order[at].asks));
  byId("test-says").textContent = "";
  answerable(true);
  tally();
}

function judge(says) {
  if (byId("true").getAttribute("aria-disabled") === "true") return;
  const { name, holds, so } = order[at], isRight = says === holds;
  judged.set(name, isRight);
  byId("test-says").replaceChildren(
    element("strong", { class: isRight ? "right" : "wrong" }, `${isRight ? "Right" : "Not quite"}, it is ${holds}.`), " ", ...coded(so));
  answerable(false);
  tally();
}

const answerable = (yes) => ["true", "false"].forEach((id) => byId(id).setAttribute("aria-disabled", String(!yes)));

function tally() {
  const right = [...judged.values()].filter(Boolean).length;
  byId("tally").textContent = judged.size
    ? `${right} of ${judged.size} right; ${order.length - judged.size} of ${order.length} statements left.`
    : `${order.length} statements.`;
}

function filter() {
  const kind = byId("kind").value;
  const cards = [...document.querySelectorAll(".mistake")];
  for (const card of cards) card.hidden = kind !== "" && card.dataset.kind !== kind;
  byId("shown").textContent = `${cards.filter((card) => !card.hidden).length} of ${cards.length}`;
}

byId("true").addEventListener("click", () => judge(true));
byId("false").addEventListener("click", () => judge(false));
byId("next").addEventListener("click", () => ((at = (at + 1) % order.length), show()));
byId("kind").addEventListener("input", filter);
show();
filter();
begin();
