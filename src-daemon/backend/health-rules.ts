/** Which warnings follow from what the daemon knows (localapi-and-daemon.md §2.9). */
import type { Health } from '../health/health.ts';
import { blocksEverything, isOpenFilter } from './filter-kind.ts';
import type { Knowledge } from './knowledge.ts';

export function reportHealth(health: Health, { profile, session, map, state, networkUp }: Knowledge): void {
  const { prefs } = profile;
  health.report('wantrunning-false', !prefs.WantRunning);
  const unreachable = session?.connectionError ?? '';
  const isTrying = session?.login === 'under-way' && map === undefined && unreachable !== '';
  const why = session === undefined || session.loginError === '' ? unreachable : session.loginError;
  health.report('login-state', state === 'NeedsLogin' || isTrying, why === '' ? {} : { error: why });
  const outOfSync = prefs.WantRunning && session !== undefined && !session.up;
  health.report('not-in-map-poll', outOfSync, unreachable === '' ? {} : { error: unreachable });
  health.report('network-status', !networkUp);
  const closed = blocksEverything(map?.filter);
  health.report('packet-filter-blocks', closed);
  health.report('packet-filter-unenforced', map !== undefined && !closed && !isOpenFilter(map.filter));
}
