/** Why a peer is reached by relay, or not at all: a closed list, and the words for it. */

export type RelayReason =
  /** Nothing was sent to it lately, so nothing is being sought. */
  | { readonly kind: 'idle' }
  /** The search has only just begun. */
  | { readonly kind: 'searching' }
  /** It has no disco key: no path can be proven. */
  | { readonly kind: 'no-disco' }
  | { readonly kind: 'no-udp-here' }
  | { readonly kind: 'no-endpoints' }
  /** Both NATs give each destination another port. */
  | { readonly kind: 'both-hard' }
  /** One of the two NATs does, and the other lets in only who was spoken to. */
  | { readonly kind: 'hard-here' }
  | { readonly kind: 'hard-there' }
  | { readonly kind: 'no-answer'; readonly probes: number; readonly addresses: number }
  /** Probes are answered, but WireGuard's packets do not come through (nat-traversal.md §11.3). */
  | { readonly kind: 'control-only' }
  /** There was a direct path until lately. */
  | { readonly kind: 'lost'; readonly sinceMs: number };

/** One clause, lower case, to follow "relayed: " or "no path: ". */
export function inWords(reason: RelayReason): string {
  switch (reason.kind) {
    case 'idle':
      return 'nothing was sent to it lately, so no direct path is being sought';
    case 'searching':
      return 'still searching for a direct path';
    case 'no-disco':
      return 'it does not answer path probes';
    case 'no-udp-here':
      return 'this network lets no UDP through';
    case 'no-endpoints':
      return 'it announces no addresses';
    case 'both-hard':
      return 'the NATs on both sides give each destination another port';
    case 'hard-here':
      return 'the NAT here gives each destination another port, and the other side lets in only known senders';
    case 'hard-there':
      return 'the NAT there gives each destination another port, and this side lets in only known senders';
    case 'no-answer':
      return `no answer to ${count(reason.probes, 'probe')} to ${count(reason.addresses, 'address')}`;
    case 'control-only':
      return 'probes get through on the direct path, but data does not';
    case 'lost':
      return 'the direct path has stopped answering';
    default:
      return reason satisfies never;
  }
}

const count = (n: number, noun: string): string =>
  `${n} ${n === 1 ? noun : noun.endsWith('s') ? `${noun}es` : `${noun}s`}`;
