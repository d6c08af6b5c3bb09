/** Which warnings follow from what the daemon knows (localapi-and-daemon.md §2.9). */
import { NetfilterMode, type Prefs } from '#shared/localapi/prefs.ts';
import type { Health } from '../health/health.ts';
import { homeRegions } from '../underlay/home-region.ts';
import { holdsBack } from './exit-choice.ts';
import type { Knowledge } from './knowledge.ts';
import { networkFilter } from './network-filter.ts';

export function reportHealth(
  health: Health,
  { profile, session, map, state, networkUp, relays, isCaptive }: Knowledge,
): void {
  const { prefs } = profile;
  health.report('wantrunning-false', !prefs.WantRunning);
  const unreachable = session?.connectionError ?? '';
  const isTrying = session?.login === 'under-way' && map === undefined && unreachable !== '';
  const why = session === undefined || session.loginError === '' ? unreachable : session.loginError;
  health.report('login-state', state === 'NeedsLogin' || isTrying, why === '' ? {} : { error: why });
  const outOfSync = prefs.WantRunning && session !== undefined && !session.up;
  health.report('not-in-map-poll', outOfSync, unreachable === '' ? {} : { error: unreachable });
  health.report('network-status', !networkUp);
  health.report('exit-node-closed', state === 'NeedsLogin' && holdsBack(prefs));
  health.report('exit-node-unguarded', prefs.NetfilterMode === NetfilterMode.Off && holdsBack(prefs));
  health.report('nosnat-with-advertised-exit-node', prefs.NoSNAT && offersExitItself(prefs));
  health.report('sync-disabled', prefs.Sync === false);
  health.report('invalid-packet-filter', map !== undefined && networkFilter(map).isRefused);
  reportRelays(health, { map, state, relays });
  health.report('captive-portal-detected', isCaptive);
}

const offersExitItself = ({ AdvertiseRoutes }: Pick<Prefs, 'AdvertiseRoutes'>): boolean =>
  AdvertiseRoutes?.includes('0.0.0.0/0') === true && AdvertiseRoutes.includes('::/0');

/** Only while the network is wanted and the map names relays at all. */
function reportRelays(
  health: Health,
  { map, state, relays }: Pick<Knowledge, 'map' | 'state' | 'relays'>,
): void {
  const isWanted = state === 'Running' && homeRegions(map?.derpMap).length > 0;
  health.report('no-derp-home', isWanted && relays.home === 0);
  const home = relays.failing.find(({ region }) => region === relays.home);
  const name = map?.derpMap?.Regions?.[String(relays.home)]?.RegionName ?? String(relays.home);
  const args = { 'derp-region-id': String(relays.home), 'derp-region-name': name, error: home?.error ?? '' };
  health.report('no-derp-connection', isWanted && home !== undefined, args);
}
