/** How the embedded relay is reached: on the server's own address, or on a TLS listener of its own (docs/decisions/006). */
import type { Address } from '../../src-relay/front/listen.ts';

export interface PlanInput {
  /** The server's own listener. */
  readonly listen: Address;
  readonly hasTls: boolean;
  /** Where machines reach the server. */
  readonly serverUrl: string;
  /** The relay's own listener and ports, where somebody has chosen. */
  readonly relayListen: Address | undefined;
  readonly stunPorts: readonly number[] | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

export interface RelayPlan {
  /** Undefined = the server's own listener serves it, directly or through a proxy that does TLS. */
  readonly own: Wanted<Address> | undefined;
  readonly stunPorts: readonly Wanted<number>[];
  readonly host: string;
  /** Undefined = the port that `own` gets. */
  readonly port: number | undefined;
}

/** A chosen one must be had, a default may be another when it is taken. */
export interface Wanted<T> {
  readonly value: T;
  readonly isChosen: boolean;
}

const OWN_PORT = 8_443;
const STUN_PORTS = [3_478, 3_479, 3_480];

/**
 * Official clients speak to relays over TLS only. A server with a certificate, or behind a proxy that has one, relays on
 * its own address. One on plain HTTP gets a listener with a certificate of its own making, which clients check by its
 * hash. A server on a port of the system's choice is a test or one of many: its relay takes what is free too.
 */
export function planRelay(input: PlanInput): RelayPlan {
  const { listen, relayListen } = input;
  const url = new URL(input.serverUrl);
  const isShared = relayListen === undefined && (input.hasTls || url.protocol === 'https:');
  const isAnyPort = listen.port === 0;
  const ownPort = isAnyPort ? 0 : listen.port === OWN_PORT ? OWN_PORT + 1 : OWN_PORT;
  const stun = input.stunPorts ?? (isAnyPort ? STUN_PORTS.map(() => 0) : STUN_PORTS);
  const urlPort = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return {
    own: isShared
      ? undefined
      : { value: relayListen ?? { host: listen.host, port: ownPort }, isChosen: relayListen !== undefined },
    stunPorts: stun.map((value) => ({ value, isChosen: input.stunPorts !== undefined })),
    host: input.host ?? url.hostname.replace(/^\[|\]$/g, ''),
    port: input.port ?? (isShared ? urlPort : undefined),
  };
}
