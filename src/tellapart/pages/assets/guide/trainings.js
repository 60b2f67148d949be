/** Two sources of a training's frames with the same commands: tellapart behind the page, and a recording. */

/** What this page's training is called: a new one takes the place of the one before it. */
const NAME = crypto.randomUUID?.() ?? String(Math.random()).slice(2);

/** A training that tellapart runs now. */
export class Live {
  constructor(rate) {
    this.rate = rate;
  }

  begin() { return this.tell(`begin?rate=${this.rate}`); }
  run() { return this.tell("run"); }
  pause() { return this.tell("pause"); }
  step() { return this.tell("step"); }

  async since(count) {
    return answerOf(await fetch(`training/${NAME}?since=${count}`));
  }

  async tell(command) {
    return answerOf(await fetch(`training/${NAME}/${command}`, { method: "POST" }));
  }
}

/** A training that was recorded: each look shows one frame more while it runs. */
export class Recording {
  constructor(frames) {
    this.frames = frames;
    this.shown = 1;
    this.running = false;
  }

  async begin() {}
  async run() { this.running = true; }
  async pause() { this.running = false; }

  async step() {
    this.running = false;
    this.shown = Math.min(this.shown + 1, this.frames.length);
  }

  async since(count) {
    if (this.running) this.shown = Math.min(this.shown + 1, this.frames.length);
    const over = this.shown === this.frames.length;
    if (over) this.running = false;
    return { frames: this.frames.slice(count, this.shown), running: this.running, over };
  }
}

async function answerOf(response) {
  const told = await response.json();
  if (!response.ok) throw new Error(told.error);
  return told;
}
