/** Two sources of training frames with the same commands: a live training by tellapart, and a recording. */

/** The name of this page's training; a new one replaces the one before it. */
const NAME = crypto.randomUUID?.() ?? String(Math.random()).slice(2);

/** A live training by tellapart. */
export class Live {
  constructor(rate) {
    this.rate = rate;
  }

  begin() { return this.send(`begin?rate=${this.rate}`); }
  run() { return this.send("run"); }
  pause() { return this.send("pause"); }
  step() { return this.send("step"); }

  async since(count) {
    return answerOf(await fetch(`training/${NAME}?since=${count}`));
  }

  async send(command) {
    return answerOf(await fetch(`training/${NAME}/${command}`, { method: "POST" }));
  }
}

/** A recorded training: while it runs, each poll shows one more frame. */
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
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
