/**
 * How many answers go out in one turn of the event loop. Node reads on in a turn while more is ready, and whoever is
 * answered in that turn may ask again in it: some thousand clients that repeat what is refused at once would keep the
 * loop in one turn for seconds, with everybody's timers behind it. An answer that waits for the next turn keeps its
 * client from asking. What was asked is done by then, so nobody is judged by this wait.
 */

/** More than a turn answers that isn't long; a turn ends anyhow when no more is ready. */
const IN_A_TURN = 128;

export class Answers {
  #sent = 0;
  #turning = false;
  readonly #waiting: (() => void)[] = [];

  /** Undefined when an answer may go out at once; else a promise that resolves when it may, first come first served. */
  turn(): Promise<void> | undefined {
    this.#schedule();
    if (this.#sent < IN_A_TURN && this.#waiting.length === 0) {
      this.#sent += 1;
      return undefined;
    }
    return new Promise((send) => this.#waiting.push(send));
  }

  #schedule(): void {
    if (this.#turning) return;
    this.#turning = true;
    setImmediate(() => {
      this.#turning = false;
      const now = this.#waiting.splice(0, IN_A_TURN);
      this.#sent = now.length;
      if (now.length > 0) this.#schedule();
      for (const send of now) send();
    });
  }
}
