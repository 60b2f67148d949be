/** A field to draw on, with a mouse, a finger or a pen; each stroke is handed on. */

const SIDE = 280; // pixels of the drawing
const STROKE = 20;

/** `ink`: "light" on dark or "dark" on light, as the model's pictures are. `drawn(canvas)` is called after a stroke. */
export function drawing(canvas, ink, drawn) {
  Object.assign(canvas, { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let last = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };
  const line = (from, to) => {
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  };
  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    line(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      const next = place(each);
      line(last, next);
      last = next;
    }
  });
  for (const type of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(type, () => {
      if (last) drawn(canvas);
      last = null;
    });
  }
  const clear = () => {
    const [paper, pen] = ink === "light" ? ["#000", "#fff"] : ["#fff", "#000"];
    context.fillStyle = paper;
    context.fillRect(0, 0, SIDE, SIDE);
    Object.assign(context, { strokeStyle: pen, lineWidth: STROKE, lineCap: "round", lineJoin: "round" });
  };
  clear();
  return { clear };
}
