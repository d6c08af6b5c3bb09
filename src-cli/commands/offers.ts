/** What shells offer from what the daemon knows: machines, exit nodes, accounts. */
import type { PeerStatus } from '#shared/localapi/status.ts';
import type { Offer, Offers } from './spec.ts';
import { tailnetOf } from './switch.ts';

const nameOf = ({ DNSName, HostName }: PeerStatus): string => DNSName.replace(/\.$/, '') || HostName;

const machines =
  (isOffered: (peer: PeerStatus) => boolean): Offers =>
  async ({ api, signal }) => {
    const status = await api.status({ peers: true }, signal);
    return Object.values(status.Peer ?? {})
      .filter((peer) => !peer.ShareeNode && isOffered(peer))
      .map((peer) => ({ word: nameOf(peer), about: `${peer.TailscaleIPs?.[0] ?? ''} ${peer.OS}`.trim() }));
  };

export const peers: Offers = machines(() => true);

const AUTO: Offer = { word: 'auto:any', about: 'the best one, chosen anew when it goes' };
export const exitNodes: Offers = async (context) => [
  AUTO,
  ...(await machines((peer) => peer.ExitNodeOption)(context)),
];

/** Each account under its id, its network and its name. */
export const accounts: Offers = async ({ api, signal }) => {
  const all = await api.profiles(signal);
  const found = new Map<string, string>();
  for (const profile of all) {
    const about = `${profile.ID} ${tailnetOf(profile)} ${profile.Name}`;
    for (const word of [profile.ID, tailnetOf(profile), profile.Name])
      if (word !== '' && !found.has(word)) found.set(word, about);
  }
  return [...found].map(([word, about]) => ({ word, about }));
};
