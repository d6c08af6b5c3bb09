/** What the handlers of calls are made of. */
import type { Clock } from '../../async/clock.ts';
import type { GuiSettings } from '../../bridge/contract.ts';
import type { Log } from '../../log/log.ts';
import type { LocalApi } from '../../node/localapi-client.ts';
import type { OpenProbes } from '../../probing/probes.ts';
import type { Desk } from '../desk.ts';
import type { ProjectPages } from '../pages.ts';

/** The program's own settings: of one user of the desktop, or of one visitor of the page. */
export interface GuiStore {
  readonly settings: GuiSettings;
  edit(change: Partial<GuiSettings>): Promise<GuiSettings>;
}

export interface CallParts {
  readonly desk: Desk;
  readonly api: LocalApi;
  readonly clock: Clock;
  readonly log: Log;
  /** An unguessable id, for operations. */
  readonly newId: () => string;
  readonly gui: (callerId: string) => GuiStore;
  /** How the network is looked at. */
  readonly openProbes: OpenProbes;
  /** Networks of this machine's own interfaces, without loopback and our own. */
  readonly localNetworks: () => readonly { readonly interface: string; readonly prefix: string }[];
  /** Pages of the project; without one there is nothing to open. */
  readonly pages: ProjectPages;
  /** Version of this program. */
  readonly version: string;
  /** Opens a checked address; false when no browser could be started. Absent = the page opens it itself. */
  readonly openUrl?: ((url: string) => Promise<boolean>) | undefined;
  readonly writeClipboard?: ((text: string) => Promise<void>) | undefined;
  /** Opens a terminal with `ssh target`; false when there is none. */
  readonly openSsh?: ((target: string) => Promise<boolean>) | undefined;
}
