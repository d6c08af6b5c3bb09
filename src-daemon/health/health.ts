/** What is wrong now: a registry of warnings with dependencies and delays (localapi-and-daemon.md §2.9). */
import type { Clock } from '#shared/async/clock.ts';
import { type Severity, type WarningArgs, type WarningCode, warnings } from './warnings.ts';

/** One visible warning, ready for the local API. */
export interface Unhealthy {
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  readonly text: string;
  /** Wall clock, ms. */
  readonly brokenSince: number | undefined;
  readonly args: WarningArgs | undefined;
  readonly dependsOn: readonly string[];
  readonly impactsConnectivity: boolean;
  /** What the user can do about it at a web address. */
  readonly action?: WarningAction | undefined;
}

export interface WarningAction {
  readonly url: string;
  readonly label: string;
}

/** A message of the coordination server; shown as it came. */
export interface ServerMessage {
  readonly title: string;
  readonly text: string;
  readonly severity: string;
  readonly impactsConnectivity?: boolean | undefined;
  readonly action?: WarningAction | undefined;
}

interface Broken {
  readonly args: WarningArgs;
  readonly since: number;
  readonly sinceMonotonic: number;
  readonly cancelTimer: (() => void) | undefined;
}

const SEVERITIES: readonly string[] = ['high', 'medium', 'low'];
const sameArgs = (a: WarningArgs, b: WarningArgs): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([key, value]) => b[key] === value);

export class Health {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #broken = new Map<WarningCode, Broken>();
  #messages: ReadonlyMap<string, ServerMessage> = new Map();
  #texts: readonly string[] = [];

  /** `changed` is called after each change of what is visible. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** Setting a warning again with other arguments keeps its age. */
  set(code: WarningCode, args: WarningArgs = {}): void {
    const before = this.#broken.get(code);
    if (before !== undefined && sameArgs(before.args, args)) return;
    if (before !== undefined) {
      this.#broken.set(code, { ...before, args });
    } else {
      const delay = warnings[code].visibleAfterMs;
      this.#broken.set(code, {
        args,
        since: this.#clock.now(),
        sinceMonotonic: this.#clock.monotonic(),
        cancelTimer: delay > 0 ? this.#clock.after(delay, () => this.#changed()) : undefined,
      });
    }
    this.#changed();
  }

  clear(code: WarningCode): void {
    const before = this.#broken.get(code);
    if (before === undefined) return;
    before.cancelTimer?.();
    this.#broken.delete(code);
    this.#changed();
  }

  /** Sets or clears by a claim, so that one line of the detecting part does both. */
  report(code: WarningCode, broken: boolean, args: WarningArgs = {}): void {
    if (broken) this.set(code, args);
    else this.clear(code);
  }

  /** What the coordination server wants shown: titled messages by id, and plain texts of older servers. */
  setServerMessages(messages: ReadonlyMap<string, ServerMessage>, texts: readonly string[]): void {
    if (messages === this.#messages && texts === this.#texts) return;
    const nothing = messages.size + this.#messages.size + texts.length + this.#texts.length === 0;
    this.#messages = messages;
    this.#texts = texts;
    if (!nothing) this.#changed();
  }

  isSet(code: WarningCode): boolean {
    return this.#broken.has(code);
  }

  visible(): readonly Unhealthy[] {
    const found: Unhealthy[] = [];
    for (const [code, broken] of this.#broken)
      if (this.#isVisible(code, broken)) found.push(this.#describe(code, broken));
    found.sort((a, b) => (a.code < b.code ? -1 : 1));
    for (const [id, message] of this.#messages) found.push(fromServer(`control-health.${id}`, message));
    for (const [i, text] of this.#texts.entries())
      found.push(
        fromServer(`control-health.text-${i}`, {
          title: 'From the coordination server',
          text,
          severity: 'medium',
        }),
      );
    return found;
  }

  close(): void {
    for (const broken of this.#broken.values()) broken.cancelTimer?.();
    this.#broken.clear();
  }

  #isVisible(code: WarningCode, broken: Broken): boolean {
    const warning = warnings[code];
    if (this.#clock.monotonic() - broken.sinceMonotonic < warning.visibleAfterMs) return false;
    return !warning.dependsOn.some((cause) => this.#broken.has(cause));
  }

  #describe(code: WarningCode, broken: Broken): Unhealthy {
    const warning = warnings[code];
    return {
      code,
      severity: warning.severity,
      title: warning.title,
      text: warning.text(broken.args),
      brokenSince: broken.since,
      args: Object.keys(broken.args).length > 0 ? broken.args : undefined,
      // Told, not applied: clients hide everything else while the daemon warms up, the command line doesn't.
      dependsOn: code === 'warming-up' ? [] : [...warning.dependsOn, 'warming-up'],
      impactsConnectivity: warning.impactsConnectivity,
    };
  }
}

function fromServer(code: string, message: ServerMessage): Unhealthy {
  return {
    code,
    severity: SEVERITIES.includes(message.severity) ? (message.severity as Severity) : 'medium',
    title: message.title,
    text: message.text,
    brokenSince: undefined,
    args: undefined,
    dependsOn: [],
    impactsConnectivity: message.impactsConnectivity === true,
    action: message.action,
  };
}
