/** What the desktop program has of the machine besides Electron. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { LoginItem } from './login/login-item.ts';
import type { Updates } from './update/updates.ts';

export interface System {
  readonly clock: Clock;
  readonly log: Log;
  /** As Node names it. */
  readonly platform: string;
  /** Program first. */
  readonly argv: readonly string[];
  readonly updates: Updates;
  readonly hasUpdates: boolean;
  readonly loginItem: LoginItem;
  readonly hasTrayHost: () => Promise<boolean>;
  /** Undefined = nobody says. */
  readonly trayHostName: () => Promise<string | undefined>;
}
