/** Shows notifications through the system, replaces and closes them; where the system can't, the tray gets a dot. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { Shell } from '../shell.ts';
import { shownText } from '../text/clean.ts';
import type { Text } from '../text/text.ts';
import { decide, type NotifyInput, startNotifying } from './decide.ts';
import type { NoticeAction, Told } from './types.ts';

const TITLE = 80;
const BODY = 240;
/** Keeps a time in the far future from becoming a timer of no length. */
const LONGEST_WAIT_MS = 3_600_000;

export interface NotifierOptions {
  readonly shell: Pick<Shell, 'notify' | 'canNotify'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly text: () => Text;
  readonly look: () => Omit<NotifyInput, 'nowMs'>;
  readonly act: (action: NoticeAction) => void;
  /** Whether something could not be shown, and waits. */
  readonly onAttention: (waits: boolean) => void;
}

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #open = new Map<string, () => void>();
  readonly #failed = new Set<string>();
  #memory;
  #cancel: (() => void) | undefined;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#memory = startNotifying(options.clock.now());
  }

  /** Something changed: the state, a setting, or whether the window is seen. */
  look(): void {
    const { clock, look } = this.#options;
    this.#cancel?.();
    this.#cancel = undefined;
    const { memory, effects, againInMs } = decide(this.#memory, { ...look(), nowMs: clock.now() });
    this.#memory = memory;
    for (const effect of effects) {
      if (effect.kind === 'show') this.#show(effect.told);
      else this.#close(effect.category);
    }
    if (againInMs !== undefined)
      this.#cancel = clock.after(Math.min(againInMs, LONGEST_WAIT_MS), () => this.look());
  }

  stop(): void {
    this.#cancel?.();
    for (const category of [...this.#open.keys()]) this.#close(category);
  }

  #show(told: Told): void {
    const { shell, act, log } = this.#options;
    this.#close(told.category);
    const failed = (why: string): void => {
      log('info', 'notify.failed', { category: told.category, why });
      this.#open.delete(told.category);
      this.#failed.add(told.category);
      this.#options.onAttention(true);
    };
    if (!shell.canNotify()) {
      failed('no server answers');
      return;
    }
    const done = (action: NoticeAction): void => {
      this.#open.delete(told.category);
      act(action);
    };
    this.#open.set(
      told.category,
      shell.notify({
        title: shownText(this.#words(told.title, told), TITLE),
        body: shownText(this.#words(told.body, told), BODY),
        isUrgent: told.isUrgent,
        isLasting: told.isLasting,
        actions: told.actions.map(({ text }) => this.#options.text()(text)),
        onClick: () => done(told.does),
        onAction: (index) => done(told.actions[index]?.does ?? told.does),
        onFailed: failed,
      }),
    );
  }

  #words(words: Told['title'], { values }: Told): string {
    if (typeof words === 'object') return words.text;
    const text = this.#options.text();
    const { hours } = values;
    const time =
      typeof hours !== 'number'
        ? {}
        : {
            time: new Intl.NumberFormat(text.locale, {
              style: 'unit',
              unit: 'hour',
              unitDisplay: 'long',
            }).format(hours),
          };
    return text(words, { ...values, ...time });
  }

  #close(category: string): void {
    this.#open.get(category)?.();
    this.#open.delete(category);
    if (this.#failed.delete(category) && this.#failed.size === 0) this.#options.onAttention(false);
  }
}
