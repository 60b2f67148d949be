/** Unpack an array of the page: base64 of deflated numbers, first bytes first -> {shape, values}. */

const KINDS = { float32: Float32Array, uint8: Uint8Array, int32: Int32Array };

export async function unpack(packed) {
  const text = atob(packed.deflated);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const apart = new Uint8Array(await new Response(stream).arrayBuffer());
  const values = new KINDS[packed.dtype](apart.length / KINDS[packed.dtype].BYTES_PER_ELEMENT);
  const together = new Uint8Array(values.buffer);
  const [count, size] = [values.length, values.BYTES_PER_ELEMENT];
  for (let part = 0; part < size; part++) {
    for (let i = 0; i < count; i++) together[i * size + part] = apart[part * count + i];
  }
  return { shape: packed.shape, values };
}
