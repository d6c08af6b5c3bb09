/** When something is told, and when it is taken back: from what was and what is, without a clock of its own (desktop.md §7.2). */
import type { GuiSettings } from '#shared/bridge/contract.ts';
import { deriveUi } from '#shared/ui-state/derive.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';
import { shownName } from '../text/clean.ts';
import { type Budget, spend } from './budget.ts';
import { type Condition, conditionsOf, isConnected, plain } from './conditions.ts';
import type { NotifyEffect, Told } from './types.ts';

/** Nothing is said while everything is only starting. */
const WARM_UP_MS = 5_000;
/** The same words again only after this. */
const REPEAT_MS = 3_600_000;

/** Of devices that came together. */
const MAX_NAMES = 5;
/** News of one category that is remembered; who brings more of it has used up what may be told long before. */
const MAX_TOLD = 64;

const OFF_BY_DEFAULT: readonly string[] = ['state.on', 'state.off', 'device.new'];

export interface NotifyMemory {
  readonly startedMs: number;
  readonly previous: Snapshot | undefined;
  readonly wasConnected: boolean;
  /** Since when each condition holds, by category. */
  readonly since: Readonly<Record<string, number>>;
  /** What is on the screen, by category. */
  readonly shown: Readonly<Record<string, string>>;
  /** When which news was last told, by category. */
  readonly told: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** What each category may still tell. */
  readonly budgets: Readonly<Record<string, Budget>>;
}

export const startNotifying = (nowMs: number): NotifyMemory => ({
  startedMs: nowMs,
  previous: undefined,
  wasConnected: false,
  since: {},
  shown: {},
  told: {},
  budgets: {},
});

export interface NotifyInput {
  readonly snapshot: Snapshot;
  readonly gui: Pick<GuiSettings, 'notifications' | 'notifyOnlyHidden' | 'quietKeyUntilMs'>;
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
  const { isWindowShown } = input;
  const { quietKeyUntilMs } = gui;
  const holding = conditionsOf({ snapshot, nowMs, isWindowShown, wasConnected, quietKeyUntilMs });
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
  const told: Record<string, Readonly<Record<string, number>>> = { ...memory.told };
  const budgets: Record<string, Budget> = { ...memory.budgets };
  for (const one of isQuiet ? [] : candidates) {
    const { category } = one;
    const words = wordsOf(one);
    const news = one.news ?? [words];
    const recent = recentOf(memory.told[category], nowMs);
    if (news.every((item) => Object.hasOwn(recent, item))) continue;
    const budget = spend(budgets[category], nowMs);
    if (budget === undefined) continue;
    effects.push({ kind: 'show', told: one });
    // What happened has happened; only what goes on can be over.
    if (Object.hasOwn(since, category)) shown[category] = words;
    budgets[category] = budget;
    told[category] = newest({ ...recent, ...Object.fromEntries(news.map((item) => [item, nowMs])) });
  }
  for (const category of Object.keys(memory.shown))
    if (!Object.hasOwn(since, category) && memory.shown[category] === shown[category]) {
      effects.push({ kind: 'close', category });
      delete shown[category];
    }
  const waits = holding.map(dueInMs).filter((ms) => ms > 0);
  return {
    memory: { startedMs: memory.startedMs, previous: snapshot, wasConnected, since, shown, told, budgets },
    effects,
    againInMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

const recentOf = (told: Readonly<Record<string, number>> = {}, nowMs: number): Record<string, number> =>
  Object.fromEntries(Object.entries(told).filter(([, atMs]) => nowMs - atMs < REPEAT_MS));

const newest = (told: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(told)
      .sort(([, a], [, b]) => b - a)
      .slice(0, MAX_TOLD),
  );

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
  if (isConnected(before) && isConnected(after)) found.push(...newDevices(previous, snapshot));
  return found;
}

function newDevices(previous: Snapshot, { devices }: Snapshot): Told[] {
  const came = Object.values(devices).filter(
    ({ isMine, id }) => isMine && !Object.hasOwn(previous.devices, id),
  );
  const [first] = came;
  if (first === undefined) return [];
  const isOne = came.length === 1;
  const names = came
    .slice(0, MAX_NAMES)
    .map(({ name }) => shownName(name))
    .join(', ');
  const told = plain(
    'device',
    isOne ? 'notify.deviceNew' : 'notify.devicesNew',
    isOne ? 'notify.deviceNewBody' : { text: names },
    { kind: 'open', route: isOne ? `/devices/${first.id}` : '/devices' },
    isOne ? { name: first.name } : { count: came.length },
  );
  return [{ ...told, kind: 'device.new' }];
}
