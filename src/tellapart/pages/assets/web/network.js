/** The network of the page: ONNX Runtime in WebAssembly, unpacked from the page itself. Nothing is fetched. */

import * as ort from "ort.wasm.bundle.min";

let session = null;

/** Start the runtime, once. */
export function load() {
  session ??= start();
  return session;
}

async function start() {
  const [wasm, model] = await Promise.all([unpacked("runtime"), unpacked("network")]);
  Object.assign(ort.env.wasm, { numThreads: 1, proxy: false, wasmBinary: wasm });
  return ort.InferenceSession.create(model, { executionProviders: ["wasm"], logSeverityLevel: 3 });
}

/** The bytes in a script element: base64 of a gzip file. The element is emptied. */
async function unpacked(id) {
  const element = document.getElementById(id);
  const bytes = fromBase64(element.textContent.trim());
  element.textContent = "";
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/**
 * Run the network. `pixels`: (count, height, width, channels) uint8.
 *
 * Returns {probabilities: (count, classes), novelty: (count,) or undefined}.
 */
export async function run(pixels, [height, width, channels]) {
  const count = pixels.length / (height * width * channels);
  const loaded = await load();
  const answers = await loaded.run({ pictures: new ort.Tensor("uint8", pixels, [count, height, width, channels]) });
  return { probabilities: answers.probabilities.data, novelty: answers.novelty?.data };
}
