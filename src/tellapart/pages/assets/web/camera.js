/** The camera: what it shows is predicted over and over, until a photo is taken or it is closed. */

/** `looked(canvas)` is awaited for one frame after the other. */
export function camera(video, looked) {
  let stream = null;
  let asked = 0;
  const canvas = document.createElement("canvas");

  function frame() {
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0);
    return canvas;
  }

  /** Returns whether it is open: it may have been closed while the browser asked its user. */
  async function open() {
    const own = ++asked;
    const given = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    if (own !== asked) {
      stop(given);
      return false;
    }
    stream = video.srcObject = given;
    await video.play();
    watch(given);
    return true;
  }

  function stop(given) {
    for (const track of given?.getTracks() ?? []) track.stop();
  }

  async function watch(own) {
    while (stream === own) {
      await looked(frame());
      await new Promise((resume) => setTimeout(resume, 150));
    }
  }

  function close() {
    asked++;
    stop(stream);
    stream = video.srcObject = null;
  }

  /** The frame as a file, without loss. */
  function take() {
    return new Promise((done) => frame().toBlob((blob) => done(new File([blob], "camera.png", { type: "image/png" }))));
  }

  return { open, close, take };
}

export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);
