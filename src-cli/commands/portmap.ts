/** `rhumb debug portmap`: asks the router for a port as the daemon does, says each step, and gives the port back. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { randomBytes } from '#shared/crypto/random.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatSockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { type DefaultGateway, defaultGateway } from '#shared/node/gateway.ts';
import { PortMapper, type PortMapperDeps, type PortMapperStatus } from '#shared/portmap/port-mapper.ts';
import type { Context } from './context.ts';
import type { Action } from './spec.ts';

/** A probe, then each service that answered; the mapper itself takes no longer. */
const PATIENCE_MS = 10_000;

/** What it touches of this machine; tests hand in their own router. */
export interface PortmapWorld extends Pick<PortMapperDeps, 'openUdp' | 'openAnnouncements' | 'fetch'> {
  readonly gateway: () => Promise<DefaultGateway | undefined>;
  /** A UDP port of ours that nobody else has, while it is held. */
  readonly holdPort: (localIp: string) => Promise<AsyncDisposable & { readonly port: number }>;
}

/** 0 when the router mapped a port that can be reached from outside. */
export async function debugPortmap(
  context: Pick<Context, 'clock' | 'out' | 'signal'>,
  world: PortmapWorld = system,
): Promise<number> {
  const gateway = await world.gateway();
  if (gateway === undefined)
    throw new RhumbError('unavailable', 'this machine has no default router over IPv4 to ask for a port');
  await using held = await world.holdPort(gateway.self);
  context.out(`router ${gateway.gateway}, own address ${gateway.self}, udp port ${held.port}\n`);
  const settled = Promise.withResolvers<void>();
  const log: Log = Object.assign(
    (_level: string, event: string, fields: object = {}): void => {
      const words = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`);
      context.out(`${event}${words.join('')}\n`);
      if (event === 'portmap.mapped' || event === 'portmap.failed') settled.resolve();
    },
    { child: (): Log => log },
  );
  const { clock, signal } = context;
  await using mapper = new PortMapper({
    ...world,
    clock,
    log,
    random: () => new DataView(randomBytes(4).buffer).getUint32(0) / 2 ** 32,
    gateway: () => gateway,
    changed: () => undefined,
  });
  mapper.setLocalPort(held.port);
  mapper.mapped();
  if (mapper.state().state.kind !== 'idle') {
    const cancel = clock.after(PATIENCE_MS, settled.resolve);
    signal.addEventListener('abort', () => settled.reject(signal.reason), { once: true });
    await settled.promise.finally(cancel);
  }
  const status = mapper.state();
  const { pmp, pcp, upnp } = status.services;
  context.out(`services: NAT-PMP ${pmp}, PCP ${pcp}, UPnP ${upnp}\n${verdict(status)}\n`);
  return mapper.mapped() === undefined ? 1 : 0;
}

function verdict({ state }: PortMapperStatus): string {
  switch (state.kind) {
    case 'idle':
      return state.why === 'gateway-out-of-range'
        ? 'not asked: the router has a public address, so it is no home router'
        : `not asked: ${state.why}`;
    case 'mapped':
    case 'renewing': {
      const { protocol, external, reach } = state.mapping;
      const at = `${formatSockAddr(external)} by ${protocol}`;
      return reach === 'public'
        ? `mapped: ${at}; giving it back`
        : `mapped: ${at}, but that is no public address: the router is behind another one; giving it back`;
    }
    case 'failed':
      return `not mapped: ${state.why}`;
    case 'probing':
    case 'creating':
      return 'not mapped: the router took too long';
    default:
      return state satisfies never;
  }
}

const system: PortmapWorld = {
  gateway: defaultGateway,
  holdPort: async (localIp) => {
    const socket = createSocket('udp4');
    const listening = once(socket, 'listening');
    socket.bind(0, localIp);
    await listening;
    return {
      port: socket.address().port,
      [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
    };
  },
};

/** `rhumb debug portmap`. */
export const portmap: Action = (context) => debugPortmap(context);
