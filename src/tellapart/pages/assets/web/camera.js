/** The camera: what it shows is predicted over and over, until a photo is taken or it is closed. */

/** `looked(canvas)` is awaited for one frame after the other. */
export function camera(video, looked) {
  let stream = null;
  const canvas = document.createElement("canvas");

  function frame() {
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0);
    return canvas;
  }

  async function open() {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.srcObject = stream;
    await video.play();
    watch(stream);
  }

  async function watch(own) {
    while (stream === own) {
      await looked(frame());
      await new Promise((resume) => setTimeout(resume, 150));
    }
  }

  function close() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = video.srcObject = null;
  }

  /** The frame as a file, without loss. */
  function take() {
    return new Promise((done) => frame().toBlob((blob) => done(new File([blob], "camera.png", { type: "image/png" }))));
  }

  return { open, close, take, isOpen: () => stream !== null };
}

export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);
