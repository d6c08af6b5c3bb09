/** Starting with the person's session: by the system where Electron knows how, by a file of the desktop's on Linux. */
import type { Shell } from '../shell.ts';

/** All of it may throw: the disk is full, or not ours. */
export interface LoginItem {
  readonly isOn: () => boolean;
  readonly set: (isOn: boolean, args: readonly string[]) => void;
}

export const systemLoginItem = (app: Pick<Shell['app'], 'loginItem' | 'setLoginItem'>): LoginItem => ({
  isOn: () => app.loginItem().isOn,
  set: (isOn, args) => app.setLoginItem(isOn, args),
});
