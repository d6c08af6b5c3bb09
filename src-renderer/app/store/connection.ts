/** The connection's switch: when there is one, how it stands, and moving it. */
import type { UiState } from '#shared/ui-state/derive.ts';
import { wishFor } from './act.ts';
import { useApp } from './store.ts';

const ON: readonly UiState[] = ['connecting', 'exit-broken', 'degraded', 'on-exit', 'on'];

export const isOnIn = (ui: UiState): boolean => ON.includes(ui);
export const canSwitch = (ui: UiState): boolean => ui === 'off' || isOnIn(ui);

/** Asked before disconnecting, when the user wants to be asked; set by the shell, which can show a question. */
let confirmOff: (() => Promise<boolean>) | undefined;
export function askBeforeOff(ask: (() => Promise<boolean>) | undefined): void {
  confirmOff = ask;
}

export function switchTo(on: boolean): void {
  void (async () => {
    const { gui } = useApp.getState();
    if (!on && gui.confirmDisconnect && confirmOff !== undefined && !(await confirmOff())) return;
    await wishFor({ kind: 'running', on }, 'prefs.edit', { wantRunning: on });
  })();
}
