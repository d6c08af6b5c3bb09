/** A bell between two parts of one loop: a ring is remembered until somebody has heard it, several count as one. */

export class Bell {
  #isRung = false;
  #hear: (() => void) | undefined;

  ring(): void {
    this.#isRung = true;
    this.#hear?.();
  }

  /** Resolves at the next ring, or at once when there was one; rejects with the signal's reason. One listener at a time. */
  heard(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal.removeEventListener('abort', aborted);
        this.#hear = undefined;
      };
      const aborted = (): void => {
        leave();
        reject(signal.reason);
      };
      const hear = (): void => {
        leave();
        this.#isRung = false;
        resolve();
      };
      if (signal.aborted) reject(signal.reason);
      else if (this.#isRung) hear();
      else {
        this.#hear = hear;
        signal.addEventListener('abort', aborted, { once: true });
      }
    });
  }
}
