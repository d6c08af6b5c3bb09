/** Asks the router for a port as the daemon does, says each step, and gives the port back (localapi-and-daemon.md §2.1, `debug-portmap`). */
import type { Clock, Random } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatSockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { PortMapper, type PortMapperDeps } from '#shared/portmap/port-mapper.ts';
import type { Outside } from './outside/outside.ts';

interface ProbeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly outside: Outside;
  readonly lan: Pick<PortMapperDeps, 'openUdp' | 'openAnnouncements' | 'fetch'>;
  readonly gateway: () => { readonly gateway: string; readonly self: string } | undefined;
}

export async function probePortMapping(
  { clock, random, outside, lan, gateway }: ProbeDeps,
  route: { readonly gateway: string; readonly self: string } | undefined,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const way = route ?? gateway();
  if (way === undefined) {
    say('no gateway or self IP: this machine has no default router over IPv4');
    return;
  }
  say(`gw=${way.gateway}; self=${way.self}`);
  const held = await outside.sockets.openUdp({ family: 4, ip: way.self });
  const settled = Promise.withResolvers<void>();
  const log: Log = Object.assign(
    (_level: string, event: string, fields: object = {}): void => {
      const words = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`);
      say(`portmapper: ${event}${words.join('')}`);
      if (event === 'portmap.mapped' || event === 'portmap.failed') settled.resolve();
    },
    { child: (): Log => log },
  );
  const stop = (): void => settled.resolve();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await using mapper = new PortMapper({
      ...lan,
      clock,
      random,
      log,
      gateway: () => way,
      changed: () => undefined,
    });
    mapper.setLocalPort(held.address().port);
    mapper.mapped();
    if (mapper.state().state.kind !== 'idle' && !signal.aborted) await settled.promise;
    const { pmp, pcp, upnp } = mapper.state().services;
    say(`Probe: {PCP:${pcp} PMP:${pmp} UPnP:${upnp}}`);
    const mapped = mapper.mapped();
    say(mapped === undefined ? 'no mapping' : `mapping: ${formatSockAddr(mapped)}`);
  } catch (error) {
    throw new RhumbError('unavailable', 'the router could not be asked', { cause: error });
  } finally {
    signal.removeEventListener('abort', stop);
    held.close();
  }
}
