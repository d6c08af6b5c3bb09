/** What other programs ask of this one, from its first moment on: kept until somebody can follow it. */
import { linkIn } from '../links.ts';
import type { ShellApp } from '../shell.ts';
import { ownOptions } from './options.ts';

export interface Arrival {
  /** Undefined when only the window is wanted. */
  readonly link: string | undefined;
}

/** More are only there when something is wrong; the newest count. */
const MAX_WAITING = 8;

export class Arrivals {
  #waiting: Arrival[] = [];
  #follow: ((arrival: Arrival) => void) | undefined;

  /** Before `ready`: macOS hands over the link that started the program while it starts. */
  constructor(app: Pick<ShellApp, 'onSecondInstance' | 'onLink'>) {
    app.onLink((link) => this.#arrived({ link }));
    app.onSecondInstance((argv) => {
      const link = linkIn(argv);
      // Started at login once more, by the system: nobody asked to see anything.
      if (link !== undefined || !ownOptions(argv).includes('--hidden')) this.#arrived({ link });
    });
  }

  /** From now on, and for all that came before. */
  follow(follow: (arrival: Arrival) => void): void {
    this.#follow = follow;
    for (const arrival of this.#waiting.splice(0)) follow(arrival);
  }

  #arrived(arrival: Arrival): void {
    if (this.#follow !== undefined) this.#follow(arrival);
    else this.#waiting = [...this.#waiting, arrival].slice(-MAX_WAITING);
  }
}
