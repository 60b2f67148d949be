/** Arrays that the page carries: base64 of deflated numbers -> {shape, values}. */

const KINDS = { float32: Float32Array, uint8: Uint8Array, int32: Int32Array };

export async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.deflated), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const values = new KINDS[packed.dtype](await new Response(stream).arrayBuffer());
  return { shape: packed.shape, values };
}
