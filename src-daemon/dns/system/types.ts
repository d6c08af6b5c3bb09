/** What every way of telling a system whom to ask for names has in common (localapi-and-daemon.md §6.6). */
import type { Base } from '../compile.ts';
import type { SystemDns } from '../types.ts';

export type Mode =
  | 'systemd-resolved'
  | 'network-manager'
  | 'debian-resolvconf'
  | 'openresolv'
  | 'direct'
  /** Nothing of the system is touched. */
  | 'none';

export interface SystemResolver extends AsyncDisposable {
  readonly mode: Mode;
  /** It can ask one resolver for some domains and another for the rest. */
  readonly canSplit: boolean;
  /** All or nothing: when it rejects, the system is as it was, as far as that is in our power. Never called before the last call ended. */
  set(config: SystemDns): Promise<void>;
  /** As it was before us; false = there was nothing to do. */
  restore(): Promise<boolean>;
  /** What the system uses apart from us, for the resolver to fall back on. */
  base(): Promise<Base>;
  /** The servers that this machine asks apart from us, for ourselves and those who ask through us. */
  baseNameservers(): Promise<readonly string[]>;
}

/** What a system tells of by itself. */
export interface SystemEvents {
  /** What was set is gone, or what it was set over is another: all has to be set again. */
  readonly stale: (why: string) => void;
  /** Another program keeps undoing what was set, and is let have it for now; false = no longer. */
  readonly overwritten: (isSo: boolean) => void;
}
