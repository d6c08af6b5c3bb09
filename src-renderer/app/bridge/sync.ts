/** Keeps the store what the daemon says: the first snapshot, each patch in its order, a new snapshot after a gap. */

import { LOST_GRACE_MS } from '#shared/ui-state/derive.ts';
import { applyPatch } from '#shared/ui-state/patch.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';
import { newsFromDaemon } from '../store/act.ts';
import { useApp } from '../store/store.ts';
import type { Host, Line } from './host.ts';

export interface SyncParts {
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  /** Whether anybody can see the page, and told when that changes. */
  readonly isShown: () => boolean;
  readonly onShownChange: (listener: () => void) => () => void;
  /** Another part of the program wants a page shown. */
  readonly navigate: (path: string) => void;
}

const TICK_MS = 30_000;
const RETRY_MS = 1_000;

/** Gives back how to stop. */
export function sync({ bridge, onLine }: Host, parts: SyncParts): () => void {
  const { now, after, isShown, onShownChange, navigate } = parts;
  /** Undefined until a whole snapshot came; patches before it are in it. */
  let seq: number | undefined;
  let isAsking = false;
  let isStopped = false;
  let cancelTick = (): void => undefined;
  useApp.setState({ bridge, host: bridge.host, nowMs: now() });

  const tick = (): void => {
    useApp.setState({ nowMs: now() });
    cancelTick();
    const { link } = useApp.getState().confirmed;
    // The one moment at which the state changes without news.
    const untilAbsent = link.kind === 'lost' ? link.sinceMs + LOST_GRACE_MS - now() : 0;
    if (untilAbsent > 0) cancelTick = after(untilAbsent, tick);
    else if (isShown()) cancelTick = after(TICK_MS, tick);
  };
  const put = (snapshot: Snapshot): void => {
    newsFromDaemon(snapshot);
    tick();
  };
  const whole = (value: { readonly seq: number; readonly snapshot: Snapshot }): void => {
    seq = value.seq;
    put(value.snapshot);
  };
  const ask = async (): Promise<void> => {
    if (isAsking || isStopped) return;
    isAsking = true;
    try {
      whole(await bridge.call('state.get', undefined));
    } catch {
      // The host is there but did not answer in time; when it is gone, the line says so and asks again.
      if (useApp.getState().line.kind === 'open') after(RETRY_MS, () => void ask());
    } finally {
      isAsking = false;
    }
  };
  const askGui = async (): Promise<void> => {
    try {
      useApp.setState({ gui: await bridge.call('gui.get', undefined) });
    } catch {
      // A host that keeps no settings: the defaults hold.
    }
  };
  const lineChanged = (line: Line): void => {
    useApp.setState({ line, host: bridge.host });
    if (line.kind === 'open') {
      void ask();
      void askGui();
    } else if (line.kind === 'lost') {
      seq = undefined;
      put({ ...useApp.getState().confirmed, link: { kind: 'lost', sinceMs: line.sinceMs } });
    }
  };
  const stops = [
    bridge.on('snapshot', whole),
    bridge.on('patch', ({ seq: next, patch }) => {
      if (seq === undefined || next <= seq) return;
      if (next !== seq + 1) return void ask();
      seq = next;
      put(applyPatch(useApp.getState().confirmed, patch));
    }),
    bridge.on('gui', (gui) => useApp.setState({ gui })),
    bridge.on('navigate', navigate),
    onLine(lineChanged),
    onShownChange(tick),
  ];
  tick();
  return () => {
    isStopped = true;
    cancelTick();
    for (const stop of stops) stop();
  };
}
