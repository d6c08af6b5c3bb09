/** What the app knows: the daemon's state as its host tells it, the program's own settings, and what was just wished for. */
import { create } from 'zustand';
import type { Bridge, GuiSettings } from '#shared/bridge/contract.ts';
import { deriveUi, type UiState } from '#shared/ui-state/derive.ts';
import { NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';
import type { Line } from '../bridge/host.ts';
import { DEFAULT_GUI } from './gui-defaults.ts';
import { predict, type Wish } from './wish.ts';

export interface AppState {
  /** Undefined until the page is connected with its host. */
  readonly bridge: Bridge | undefined;
  readonly host: Bridge['host'];
  readonly line: Line;
  /** As the daemon says, without what is only wished for. Written by bridge/sync.ts alone. */
  readonly confirmed: Snapshot;
  /** What screens show: the confirmed one, and what was wished for as if it had come true. */
  readonly snapshot: Snapshot;
  readonly gui: GuiSettings;
  readonly wish: Wish | undefined;
  /** When what is known of the network ceased to be news, as far as this page saw it; wall clock. */
  readonly asOfMs: number | undefined;
  /** Wall clock, as of the last news or tick. */
  readonly nowMs: number;
}

export const useApp = create<AppState>(() => ({
  bridge: undefined,
  host: { kind: 'web', can: [], platform: '', version: '' },
  line: { kind: 'connecting' },
  confirmed: NO_SNAPSHOT,
  snapshot: NO_SNAPSHOT,
  gui: DEFAULT_GUI,
  wish: undefined,
  asOfMs: undefined,
  nowMs: 0,
}));

/** Both together, so that no screen sees one without the other. */
export function show(confirmed: Snapshot, wish: Wish | undefined): void {
  useApp.setState({ confirmed, wish, snapshot: wish === undefined ? confirmed : predict(confirmed, wish) });
}

export const uiOf = ({ snapshot, nowMs }: Pick<AppState, 'snapshot' | 'nowMs'>): UiState =>
  deriveUi(snapshot, nowMs);
export const useUi = (): UiState => useApp(uiOf);

/** Whether the user may change things on this device. */
export const mayManage = ({ snapshot: { link } }: Pick<AppState, 'snapshot'>): boolean =>
  link.kind === 'ready' && link.rights === 'manage';
export const useMayManage = (): boolean => useApp(mayManage);

export const useSnapshot = <T>(select: (snapshot: Snapshot) => T): T =>
  useApp(({ snapshot }) => select(snapshot));

export const useCan = (what: Bridge['host']['can'][number]): boolean =>
  useApp(({ host }) => host.can.includes(what));
