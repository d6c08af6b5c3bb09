/** What lies between this device and another: own network, relay, the other's network, what is behind it; pure. */
import type { NetcheckReport } from '#shared/bridge/contract.ts';
import type { Device, Relay } from '#shared/ui-state/types.ts';
import type { PathStop } from '../../ui/path-line.tsx';
import { formatMs } from '../i18n/format.ts';
import { t } from '../i18n/text.ts';
import { cut } from './foreign.tsx';
import { isHardThere } from './path-why.ts';

export interface Between {
  readonly device: Device;
  readonly selfName: string;
  readonly relays: readonly Relay[];
  /** The last look at our own network. */
  readonly netcheck: NetcheckReport | undefined;
  /** In the daemon's words; '' = it does not say. */
  readonly why: string;
}

export function chainOf(between: Between): readonly PathStop[] {
  const { device, selfName } = between;
  return [
    { id: 'here', title: t('device.here'), note: cut(selfName, 40) },
    ...ownNetwork(between),
    ...middle(between),
    ...otherNetwork(between),
    { id: 'there', title: cut(device.name, 40), note: device.addresses[0] },
    ...behind(device),
  ];
}

/** Only known once the network was looked at. */
function ownNetwork({ netcheck }: Between): readonly PathStop[] {
  if (netcheck === undefined) return [];
  const { udp, mappingVaries } = netcheck;
  const kind = !udp ? 'blocked' : mappingVaries === null ? undefined : mappingVaries ? 'hard' : 'easy';
  return kind === undefined
    ? []
    : [{ id: 'own', title: t('chain.own'), note: t(`chain.nat.${kind}`), isWay: true }];
}

function middle({ device: { path }, relays }: Between): readonly PathStop[] {
  if (path.kind === 'peer-relay')
    return [{ id: 'way', title: t('path.peerRelay'), note: cut(path.via, 64), isWay: true }];
  if (path.kind !== 'relay') return [];
  const relay = relays.find(({ code }) => code === path.via);
  const name = relay === undefined || relay.name === '' ? path.via : relay.name;
  const parts = [cut(name, 40), relay?.latencyMs === undefined ? '' : formatMs(relay.latencyMs)];
  return [
    { id: 'way', title: t('path.relay'), note: parts.filter((part) => part !== '').join(' · '), isWay: true },
  ];
}

const PORT = /:\d+$/;

/** One public address under several ports is what different servers saw of a NAT that is hard (RFC 5780 §4.3). */
function otherNetwork({ device: { candidates, path }, why }: Between): readonly PathStop[] {
  const isOutside = path.kind === 'relay' || path.kind === 'peer-relay' || path.kind === 'none';
  if (!isOutside) return [];
  const ports = new Map<string, Set<string>>();
  for (const one of candidates) {
    const host = one.replace(PORT, '');
    if (one.startsWith('[') || PRIVATE.test(host)) continue;
    ports.set(host, (ports.get(host) ?? new Set()).add(one));
  }
  const isHard = isHardThere(why) || [...ports.values()].some(({ size }) => size > 1);
  if (!isHard && ports.size === 0) return [];
  return [
    {
      id: 'other',
      title: t('chain.other'),
      note: isHard ? t('chain.nat.hard') : ([...ports.keys()][0] ?? ''),
      isWay: true,
    },
  ];
}

// RFC 1918, RFC 3927, RFC 6598.
const PRIVATE =
  /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|127\.)/;

function behind({ routes }: Device): readonly PathStop[] {
  const [first] = routes;
  if (first === undefined) return [];
  const more = routes.length - 1;
  return [
    {
      id: 'behind',
      title: t('chain.behind'),
      note: more === 0 ? cut(first, 64) : t('chain.andMore', { first: cut(first, 64), count: more }),
    },
  ];
}
