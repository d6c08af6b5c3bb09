/** When something is told, and when it is taken back: from what was and what is, without a clock of its own (desktop.md §7.2). */
import type { GuiSettings } from '#shared/bridge/contract.ts';
import { deriveUi } from '#shared/ui-state/derive.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';
import { type Condition, conditionsOf, isConnected, plain } from './conditions.ts';
import type { NotifyEffect, Told } from './types.ts';

/** Nothing is said while everything is only starting. */
const WARM_UP_MS = 5_000;
/** The same words again only after this. */
const REPEAT_MS = 3_600_000;

const OFF_BY_DEFAULT: readonly string[] = ['state.on', 'state.off', 'device.new'];

export interface NotifyMemory {
  readonly startedMs: number;
  readonly previous: Snapshot | undefined;
  readonly wasConnected: boolean;
  /** Since when each condition holds, by category. */
  readonly since: Readonly<Record<string, number>>;
  /** What is on the screen, by category. */
  readonly shown: Readonly<Record<string, string>>;
  /** When which words were last told, by category. */
  readonly told: Readonly<Record<string, { readonly words: string; readonly atMs: number }>>;
}

export const startNotifying = (nowMs: number): NotifyMemory => ({
  startedMs: nowMs,
  previous: undefined,
  wasConnected: false,
  since: {},
  shown: {},
  told: {},
});

export interface NotifyInput {
  readonly snapshot: Snapshot;
  readonly gui: Pick<GuiSettings, 'notifications' | 'notifyOnlyHidden'>;
  readonly isWindowShown: boolean;
  readonly isWindowFocused: boolean;
  readonly nowMs: number;
}

export interface Decision {
  readonly memory: NotifyMemory;
  readonly effects: readonly NotifyEffect[];
  /** When to ask again although nothing changed; undefined = no need. */
  readonly againInMs: number | undefined;
}

export function decide(memory: NotifyMemory, input: NotifyInput): Decision {
  const { snapshot, nowMs, gui } = input;
  const state = deriveUi(snapshot, nowMs);
  const isOff = snapshot.settings?.wantRunning === false && snapshot.link.kind === 'ready';
  const wasConnected = isConnected(state) || (memory.wasConnected && !isOff);
  const holding = conditionsOf({ snapshot, nowMs, isWindowShown: input.isWindowShown, wasConnected });
  const since = Object.fromEntries(
    holding.map(({ told }) => [told.category, memory.since[told.category] ?? nowMs]),
  );
  const isQuiet =
    nowMs - memory.startedMs < WARM_UP_MS ||
    input.isWindowFocused ||
    (gui.notifyOnlyHidden && input.isWindowShown);
  const dueInMs = ({ told, afterMs }: Condition): number =>
    Math.max((since[told.category] ?? nowMs) + afterMs - nowMs, memory.startedMs + WARM_UP_MS - nowMs);
  const due = holding.filter((one) => dueInMs(one) <= 0).map(({ told }) => told);
  const candidates = [...due, ...happened(memory, snapshot, nowMs)].filter(
    ({ kind }) => gui.notifications[kind] ?? !OFF_BY_DEFAULT.includes(kind),
  );
  const effects: NotifyEffect[] = [];
  const shown: Record<string, string> = { ...memory.shown };
  const told: Record<string, { words: string; atMs: number }> = { ...memory.told };
  for (const one of isQuiet ? [] : candidates) {
    const words = wordsOf(one);
    const last = memory.told[one.category];
    if (last !== undefined && last.words === words && nowMs - last.atMs < REPEAT_MS) continue;
    effects.push({ kind: 'show', told: one });
    shown[one.category] = words;
    told[one.category] = { words, atMs: nowMs };
  }
  for (const category of Object.keys(memory.shown))
    if (!Object.hasOwn(since, category) && memory.shown[category] === shown[category]) {
      effects.push({ kind: 'close', category });
      delete shown[category];
    }
  const waits = holding.map(dueInMs).filter((ms) => ms > 0);
  return {
    memory: { startedMs: memory.startedMs, previous: snapshot, wasConnected, since, shown, told },
    effects,
    againInMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

const wordsOf = ({ kind, title, body, values }: Told): string => JSON.stringify([kind, title, body, values]);

/** What took place between two snapshots, and is told once. */
function happened({ previous }: NotifyMemory, snapshot: Snapshot, nowMs: number): Told[] {
  if (previous === undefined || previous.link.kind !== 'ready' || snapshot.link.kind !== 'ready') return [];
  const [before, after] = [deriveUi(previous, nowMs), deriveUi(snapshot, nowMs)];
  const network = snapshot.network?.name ?? '';
  const home = { kind: 'open', route: '/' } as const;
  const found: Told[] = [];
  if (before === 'waiting-approval' && isConnected(after))
    found.push(plain('approved', 'notify.approved', 'notify.approvedBody', home, { network }));
  if (!isConnected(before) && isConnected(after))
    found.push({ ...plain('state', 'notify.on', { text: network }, home), kind: 'state.on' });
  if (isConnected(before) && after === 'off')
    found.push({ ...plain('state', 'notify.off', { text: network }, home), kind: 'state.off' });
  if (isConnected(before) && isConnected(after))
    for (const device of Object.values(snapshot.devices))
      if (device.isMine && !Object.hasOwn(previous.devices, device.id))
        found.push({
          ...plain(
            'device',
            'notify.deviceNew',
            'notify.deviceNewBody',
            { kind: 'open', route: `/devices/${device.id}` },
            {
              name: device.name,
            },
          ),
          kind: 'device.new',
        });
  return found;
}
