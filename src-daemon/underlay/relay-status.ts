/** The relay connections in a few words, for status and warnings. Pure. */

export interface RelayStatus {
  /** 0 = none. */
  readonly home: number;
  readonly connected: readonly number[];
  /** Regions that we want a connection to and have none, with the reason. */
  readonly failing: readonly { readonly region: number; readonly error: string }[];
}

export const NO_RELAY_STATUS: RelayStatus = { home: 0, connected: [], failing: [] };

interface State {
  readonly region: number;
  readonly state: 'idle' | 'dialing' | 'connected' | 'waiting';
  readonly lastError: string | undefined;
  readonly problem: string | undefined;
}

export function relayStatus(home: number, states: readonly State[]): RelayStatus {
  const connected: number[] = [];
  const failing: { region: number; error: string }[] = [];
  for (const { region, state, lastError, problem } of states) {
    if (state === 'connected') connected.push(region);
    const error = state === 'connected' ? problem : lastError;
    if (state !== 'idle' && error !== undefined) failing.push({ region, error });
  }
  return { home, connected, failing };
}
