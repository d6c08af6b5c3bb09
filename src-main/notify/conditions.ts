/** What is worth telling now, as conditions that hold or don't; when they are told is decided elsewhere (desktop.md §7.1). */
import { deriveUi, exitNodeOf, type UiState } from '#shared/ui-state/derive.ts';
import type { Snapshot, Warning } from '#shared/ui-state/types.ts';
import { shownName } from '../text/clean.ts';
import { nameOf } from '../tray/exit-menu.ts';
import type { NoticeAction, Told } from './types.ts';

export interface Condition {
  readonly told: Told;
  /** How long it must have held. */
  readonly afterMs: number;
}

/** Flaps shorter than this are nobody's business. */
const HOLD_MS = 500;
const LOST_MS = 5_000;
const GONE_MS = 10_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Of the key's life. */
const LATE_SHARE = 0.2;

const CONNECTED: readonly UiState[] = ['on', 'on-exit', 'degraded', 'exit-broken'];
export const isConnected = (state: UiState): boolean => CONNECTED.includes(state);

const open = (route: string): NoticeAction => ({ kind: 'open', route });

export interface Situation {
  readonly snapshot: Snapshot;
  readonly nowMs: number;
  readonly isWindowShown: boolean;
  /** It was connected, and nobody switched it off since. */
  readonly wasConnected: boolean;
  /** "Remind me later" was said until then. */
  readonly quietKeyUntilMs: number;
}

export function conditionsOf(situation: Situation): Condition[] {
  const { snapshot, nowMs } = situation;
  const state = deriveUi(snapshot, nowMs);
  return [
    ...lost(situation, state),
    ...exitBroken(snapshot, state),
    ...keyExpiry(situation),
    ...signIn(situation, state),
    ...health(snapshot),
    ...update(snapshot),
  ];
}

function lost({ snapshot, wasConnected }: Situation, state: UiState): Condition[] {
  if (!wasConnected || isConnected(state)) return [];
  if (snapshot.link.kind !== 'ready')
    return [
      {
        afterMs: GONE_MS,
        told: {
          ...plain('service.gone', 'notify.serviceGone', 'notify.serviceGoneBody', open('/')),
          isUrgent: true,
        },
      },
    ];
  // Key and approval have their own words.
  if (['expired', 'waiting-approval', 'signed-out', 'waiting-browser', 'off'].includes(state)) return [];
  const network = snapshot.network?.name ?? '';
  return [
    {
      afterMs: LOST_MS,
      told: {
        ...plain('state.lost', 'notify.stateLost', 'notify.stateLostBody', open('/'), { network }),
        isUrgent: true,
      },
    },
  ];
}

function exitBroken(snapshot: Snapshot, state: UiState): Condition[] {
  const exit = exitNodeOf(snapshot);
  if (state !== 'exit-broken' || exit.kind !== 'broken') return [];
  return [
    {
      afterMs: HOLD_MS,
      told: {
        ...plain('exit.broken', 'notify.exitBroken', 'notify.exitBrokenBody', open('/exit-node'), {
          node: nameOf(exit.device),
        }),
        isUrgent: true,
        isLasting: true,
        actions: [
          { text: 'notify.stopUsing', does: { kind: 'stop-exit-node' } },
          { text: 'notify.pickAnother', does: open('/exit-node') },
        ],
      },
    },
  ];
}

/** By the key's whole life, so that a key of a day doesn't warn the moment it is made (§5.11). */
export function expiryStep(
  nowMs: number,
  expiryMs: number,
  createdMs: number | undefined,
): 'key.soon' | 'key.hour' | 'key.expired' | undefined {
  const left = expiryMs - nowMs;
  if (left <= 0) return 'key.expired';
  if (left <= HOUR_MS) return 'key.hour';
  const life =
    createdMs === undefined || createdMs >= expiryMs ? Number.POSITIVE_INFINITY : expiryMs - createdMs;
  return left < Math.min(DAY_MS, life * LATE_SHARE) ? 'key.soon' : undefined;
}

function keyExpiry({ snapshot, nowMs, quietKeyUntilMs }: Situation): Condition[] {
  const { self, link, state } = snapshot;
  if (link.kind !== 'ready' || state === 'NoState' || self?.keyExpiryMs === undefined) return [];
  // The device may be much older than its key.
  const step = expiryStep(nowMs, self.keyExpiryMs, self.keyCreatedMs ?? self.createdMs);
  if (step === undefined) return [];
  const isOver = step === 'key.expired';
  if (!isOver && nowMs < quietKeyUntilMs) return [];
  const signIn = { text: 'notify.signInAgain', does: { kind: 'sign-in' } } as const;
  return [
    {
      afterMs: HOLD_MS,
      told: {
        ...plain(
          'key',
          isOver ? 'notify.keyExpired' : 'notify.keySoon',
          isOver ? 'notify.keyExpiredBody' : 'notify.keySoonBody',
          open('/accounts'),
          // In steps, or each minute would be news.
          isOver
            ? {}
            : {
                hours: Math.max(1, step === 'key.hour' ? 1 : Math.ceil((self.keyExpiryMs - nowMs) / HOUR_MS)),
              },
        ),
        kind: step,
        isUrgent: step !== 'key.soon',
        isLasting: isOver,
        actions: [signIn],
      },
    },
  ];
}

function signIn({ isWindowShown }: Situation, state: UiState): Condition[] {
  if (state !== 'waiting-browser' || isWindowShown) return [];
  return [
    {
      afterMs: HOLD_MS,
      told: {
        ...plain('login.url', 'notify.login', 'notify.loginBody', open('/')),
        actions: [{ text: 'notify.openPage', does: { kind: 'sign-in-page' } }],
      },
    },
  ];
}

/** Without those that follow from another one that is there; none at all while the daemon is warming up. */
export function visibleWarnings(warnings: readonly Warning[]): readonly Warning[] {
  const codes = new Set(warnings.map(({ code }) => code));
  if (codes.has('warming-up')) return [];
  return warnings.filter(({ dependsOn }) => !dependsOn.some((code) => codes.has(code)));
}

/** States that say the same, in their own words. */
const OWN_STATE: readonly string[] = [
  'login-state',
  'wantrunning-false',
  'update-available',
  'security-update-available',
];

/** One notice for all of them: who makes the warnings up must not have as many notices as he likes. */
function health({ warnings, link }: Snapshot): Condition[] {
  if (link.kind !== 'ready') return [];
  const told = visibleWarnings(warnings).filter(
    ({ code, severity }) => severity !== 'low' && !OWN_STATE.includes(code),
  );
  const [first, ...others] = told;
  if (first === undefined) return [];
  const words =
    others.length === 0
      ? plain('health', { text: first.title }, { text: first.text }, open('/diagnostics'))
      : plain('health', 'notify.problems', { text: titles(told) }, open('/diagnostics'), {
          count: told.length,
        });
  return [
    {
      afterMs: HOLD_MS,
      told: {
        ...words,
        news: told.map(({ code, title }) => JSON.stringify([code, title]).slice(0, MAX_NEWS)),
        isUrgent: told.some(({ impactsConnectivity }) => impactsConnectivity),
        actions: [{ text: 'notify.diagnostics', does: open('/diagnostics') }],
      },
    },
  ];
}

const MAX_TITLES = 4;
const MAX_NEWS = 300;
const titles = (warnings: readonly Warning[]): string =>
  warnings
    .slice(0, MAX_TITLES)
    .map(({ title }) => shownName(title, 60))
    .join('\n');

function update({ newVersion }: Snapshot): Condition[] {
  if (newVersion === undefined) return [];
  const { version, isUrgent } = newVersion;
  const title = isUrgent ? 'notify.updateUrgent' : 'notify.update';
  const told = plain('update', title, 'notify.updateBody', open('/settings'), { version });
  return [{ afterMs: HOLD_MS, told: { ...told, kind: isUrgent ? 'update.security' : 'update.ready' } }];
}

export const plain = (
  category: string,
  title: Told['title'],
  body: Told['body'],
  does: NoticeAction,
  values: Told['values'] = {},
): Told => ({
  category,
  kind: category,
  title,
  body,
  values,
  isUrgent: false,
  isLasting: false,
  actions: [{ text: 'notify.open', does }],
  does,
});
