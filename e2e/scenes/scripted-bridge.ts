/** The host of a page in a scene: says what it was told to say, keeps what it was asked, and changes nothing. */
import type { CallName } from '#shared/bridge/contract.ts';
import { defaultAnswers } from './answers.ts';
import type { Answer, Scene, SceneEvent } from './scene.ts';

/** What the page is told, as JSON. */
interface Script {
  readonly host: {
    readonly kind: string;
    readonly can: readonly string[];
    readonly platform: string;
    readonly version: string;
    readonly trayHost?: string;
  };
  readonly answers: Readonly<Record<string, Answer<unknown>>>;
}

export interface MadeCall {
  readonly name: CallName;
  readonly arg: unknown;
  /** Since the page began to load. */
  readonly atMs: number;
}

/** What tests find in the page beside `window.rhumb`. */
interface Backstage {
  readonly calls: MadeCall[];
  readonly emit: (name: string, value: unknown) => void;
}

export function scriptOf(scene: Scene): string {
  const { host = 'electron', platform = 'linux', snapshot } = scene;
  const everywhere = [
    'service',
    'tray',
    'notifications',
    'login-item',
    'terminal',
    'local-files',
    'window',
    'updates',
    'forwarding',
  ];
  const script: Script = {
    host: {
      kind: host,
      can: scene.can ?? (host === 'electron' ? everywhere : []),
      platform,
      version: '0.1.0',
      ...(scene.trayHost !== undefined && { trayHost: scene.trayHost }),
    },
    answers: { ...defaultAnswers(scene.gui), 'state.get': { gives: { seq: 1, snapshot } }, ...scene.answers },
  };
  return JSON.stringify(script);
}

/** Runs in the page, before any script of its own; nothing of this file is there. */
export function putBridge(text: string): void {
  const { host, answers } = JSON.parse(text) as Script;
  const listeners = new Map<string, Set<(value: unknown) => void>>();
  const calls: MadeCall[] = [];
  const copy = (value: unknown): unknown =>
    value === undefined ? undefined : JSON.parse(JSON.stringify(value));
  const emit = (name: string, value: unknown): void => {
    for (const listener of listeners.get(name) ?? []) listener(copy(value));
  };
  const call = (name: CallName, arg: unknown): Promise<unknown> => {
    calls.push({ name, arg: copy(arg), atMs: performance.now() });
    const answer = Object.hasOwn(answers, name) ? answers[name] : undefined;
    if (answer === undefined)
      return Promise.reject({ code: 'unavailable', message: `${name} is not possible here` });
    if ('never' in answer) return new Promise(() => undefined);
    if ('fails' in answer) return Promise.reject({ code: answer.fails, message: answer.message });
    return Promise.resolve(name === 'traffic.watch' ? lastOf(copy(answer.gives), arg) : copy(answer.gives));
  };
  /** As many seconds as were asked for. */
  const lastOf = (value: unknown, arg: unknown): unknown => {
    const { seconds } = arg as { readonly seconds: number };
    const cut = (_key: string, one: unknown): unknown => (Array.isArray(one) ? one.slice(-seconds) : one);
    return JSON.parse(JSON.stringify(value, cut));
  };
  const on = (name: string, listener: (value: unknown) => void): (() => void) => {
    const set = listeners.get(name) ?? new Set();
    listeners.set(name, set);
    set.add(listener);
    return () => set.delete(listener);
  };
  // Scenes share a browser: what one keeps must not reach another.
  Storage.prototype.setItem = () => undefined;
  let seed = 1;
  Math.random = () => {
    // Park and Miller: enough for what only has to look random.
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const broken: string[] = [];
  const page = globalThis as unknown as {
    addEventListener: (
      name: string,
      listener: (event: { violatedDirective: string; sourceFile: string }) => void,
    ) => void;
  };
  page.addEventListener('securitypolicyviolation', ({ violatedDirective, sourceFile }) => {
    broken.push(`${violatedDirective} from ${sourceFile}`);
  });
  Object.assign(globalThis, {
    rhumb: Object.freeze({ host: Object.freeze(host), call, on }),
    backstage: { calls, emit, broken } satisfies Backstage & { broken: string[] },
  });
}

/** As expressions for the page. */
export const CALLS = 'backstage.calls';
export const BROKEN_POLICY = 'backstage.broken';
export const emitting = ({ name, value }: SceneEvent): string =>
  `backstage.emit(${JSON.stringify(name)}, JSON.parse(${JSON.stringify(JSON.stringify(value))}))`;
