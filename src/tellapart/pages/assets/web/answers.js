/** Probabilities become what `tellapart predict --json` says of a picture, by the model's record. */

import { prepare, reductionOf } from "preparing";
import { TOP } from "prediction";
import { readPicture } from "pictures";
import { run } from "network";

const EQUALLY_COMMON = ["dog", "cat"]; // as in `classifier.groups`

/** The file as a picture, and the network's pixels of it. */
export async function read(file, preparing) {
  const smaller = (width, height) => reductionOf(preparing, { width, height });
  const picture = await readPicture(file, smaller, preparing.reading === "bilinear"); // TensorFlow's transform
  return prepared(picture, preparing);
}

export function prepared(picture, preparing) {
  return { picture, pixels: prepare(picture, preparing) };
}

export function shapeOf({ height, width, channels }) {
  return [height, width, channels];
}

export async function predict({ pixels }, record) {
  const { probabilities, novelty } = await run(pixels, shapeOf(record.preparing));
  return answerOf(probabilities, novelty?.[0], record);
}

/** `probabilities`: of one picture. */
export function answerOf(probabilities, novelty, { class_names: names, thresholds, outputs, card }) {
  const order = [...names.keys()].sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  const best = order[0];
  const limit = outputs.novelty?.unfamiliar_above;
  return {
    best,
    predicted: thresholds ? names.filter((name, i) => probabilities[i] >= Math.fround(thresholds[name])) : names[best],
    ...(thresholds ? {} : groupOf(probabilities, names, card.groups)),
    familiar: novelty === undefined || limit == null ? null : novelty <= limit,
    novelty,
    probabilities: Object.fromEntries(order.slice(0, TOP).map((i) => [names[i], probabilities[i]])),
    all: probabilities,
  };
}

/** The likeliest group, where it is likelier than every class that is in none. */
function groupOf(probabilities, names, groups) {
  if (!Object.keys(groups).length) return {};
  const sums = new Map();
  const counts = new Map();
  names.forEach((name, i) => {
    const thing = groups[name] ?? name;
    sums.set(thing, (sums.get(thing) ?? 0) + probabilities[i]);
    counts.set(thing, (counts.get(thing) ?? 0) + 1);
  });
  const common = EQUALLY_COMMON.filter((thing) => sums.has(thing));
  if (common.length > 1) {
    const whole = common.reduce((sum, thing) => sum + sums.get(thing), 0);
    const means = common.map((thing) => sums.get(thing) / counts.get(thing));
    const total = means.reduce((sum, mean) => sum + mean, 0);
    common.forEach((thing, i) => sums.set(thing, total > 0 ? (whole * means[i]) / total : 0));
  }
  const [likeliest, probability] = [...sums].reduce((most, each) => (each[1] > most[1] ? each : most));
  return Object.values(groups).includes(likeliest) ? { group: likeliest, group_probability: probability } : {};
}
