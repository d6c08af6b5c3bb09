/** The firewall as data: which chains there are and what they say, for both languages to print (localapi-and-daemon.md §6.3). */
import { CGNAT, CHROMEOS, formatPrefix, TAILNET_ULA } from '#shared/ip/address.ts';
import { BYPASS_MARK } from '../outside/escape.ts';
import type { FirewallConfig, FirewallFacts } from './types.ts';

/** Bits of the packet mark that are ours; others' are kept. */
export const MARK_MASK = 0xff0000;
/** On packets of peers that this machine forwards. */
export const FORWARDED_MARK = 0x40000;

export type Match =
  | { readonly on: 'in' | 'not-in' | 'out'; readonly name: string }
  /** A prefix of the rule's family. */
  | { readonly on: 'from' | 'to'; readonly prefix: string }
  | { readonly on: 'udp-to'; readonly port: number }
  | { readonly on: 'mark' | 'connection-mark'; readonly mark: number }
  /** Which part of a connection the packet is. */
  | { readonly on: 'answer' | 'no-answer' | 'begin' }
  /** For this machine itself. */
  | { readonly on: 'local' };

export type Action =
  | { readonly do: 'accept' | 'drop' | 'return' | 'masquerade' }
  | { readonly do: 'mark' | 'mark-connection'; readonly mark: number };

export interface Rule {
  /** Undefined = both. */
  readonly family?: 4 | 6;
  readonly when: readonly Match[];
  readonly act: Action;
}

/** Where in a packet's way a chain sits; named as in iptables, which has tables for it. */
export type Place = 'input' | 'forward' | 'postrouting' | 'prerouting' | 'output';

export type FirewallPlan = Readonly<Record<Place, readonly Rule[]>>;

const accept: Action = { do: 'accept' };

export function firewallPlan(config: FirewallConfig, facts: FirewallFacts): FirewallPlan {
  return {
    input: inputRules(config, facts),
    forward: forwardRules(config, facts),
    postrouting: config.snat
      ? [{ when: [{ on: 'mark', mark: FORWARDED_MARK }], act: { do: 'masquerade' } }]
      : [],
    prerouting: returningRules(config, facts),
    output: [
      {
        when: [{ on: 'begin' }, { on: 'mark', mark: BYPASS_MARK }],
        act: { do: 'mark-connection', mark: BYPASS_MARK },
      },
    ],
  };
}

/**
 * What must not be dropped by chains of others: an accept ends only the chain that says it, so each chain that may drop
 * has to say it itself. Nothing is let through here that our own chains drop, for a drop anywhere is the end of it.
 */
export function acceptsForOthers(
  { udpPort }: FirewallConfig,
  { tunName }: FirewallFacts,
): Pick<FirewallPlan, 'input' | 'forward'> {
  const fromTunnel: Rule = { when: [{ on: 'in', name: tunName }], act: accept };
  return {
    input: [fromTunnel, ...wireguardPort(udpPort)],
    forward: [fromTunnel, { when: [{ on: 'out', name: tunName }], act: accept }],
  };
}

function inputRules({ udpPort, dropsCgnat }: FirewallConfig, { tunName, addresses }: FirewallFacts): Rule[] {
  const notTunnel = { on: 'not-in', name: tunName } as const;
  return [
    ...addresses.map(
      (prefix): Rule => ({
        family: prefix.includes(':') ? 6 : 4,
        when: [
          { on: 'in', name: 'lo' },
          { on: 'from', prefix },
        ],
        act: accept,
      }),
    ),
    { when: [{ on: 'in', name: tunName }], act: accept },
    ...wireguardPort(udpPort),
    // Containers of ChromeOS live in this part of the range.
    { family: 4, when: [notTunnel, { on: 'from', prefix: formatPrefix(CHROMEOS) }], act: { do: 'return' } },
    // Who is beside us on the wire must not pose as a peer.
    {
      family: 4,
      when: [notTunnel, { on: 'from', prefix: formatPrefix(CGNAT) }],
      act: { do: dropsCgnat ? 'drop' : 'return' },
    },
    {
      family: 6,
      when: [notTunnel, { on: 'from', prefix: formatPrefix(TAILNET_ULA) }],
      act: { do: dropsCgnat ? 'drop' : 'return' },
    },
  ];
}

function forwardRules({ stateful }: FirewallConfig, { tunName }: FirewallFacts): Rule[] {
  const intoTunnel = { on: 'out', name: tunName } as const;
  return [
    { when: [{ on: 'in', name: tunName }], act: { do: 'mark', mark: FORWARDED_MARK } },
    { when: [{ on: 'mark', mark: FORWARDED_MARK }], act: accept },
    { family: 4, when: [intoTunnel, { on: 'from', prefix: formatPrefix(CGNAT) }], act: { do: 'drop' } },
    ...(stateful ? [{ when: [intoTunnel, { on: 'no-answer' }], act: { do: 'drop' } } as const] : []),
    { when: [intoTunnel], act: accept },
  ];
}

/**
 * With an exit node the way back to whoever sends to our sockets leads into the tunnel, and strict reverse-path
 * filtering drops what they send. With the bypass mark it is judged by the main table (needs src_valid_mark). Answers
 * are known by their connection, what peers begin by our port.
 */
function returningRules({ udpPort }: FirewallConfig, { tunName }: FirewallFacts): Rule[] {
  const mark: Action = { do: 'mark', mark: BYPASS_MARK };
  const answers: Rule = {
    when: [{ on: 'answer' }, { on: 'connection-mark', mark: BYPASS_MARK }],
    act: mark,
  };
  if (udpPort === 0) return [answers];
  return [
    answers,
    // Only what is for this machine: forwarded packets to the same port elsewhere are not ours to send around the tunnel.
    { when: [{ on: 'not-in', name: tunName }, { on: 'udp-to', port: udpPort }, { on: 'local' }], act: mark },
  ];
}

const wireguardPort = (port: number): Rule[] =>
  port === 0 ? [] : [{ when: [{ on: 'udp-to', port }], act: accept }];
