/**
 * A machine behind a router, for portmap.test.ts: keeps a UDP port mapped and prints what becomes of it, one JSON a line.
 * Arguments: gateway, own address, how many times faster its clock runs. Each line it reads is a command.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { PortMapper } from '#shared/portmap/port-mapper.ts';

const [gateway = '', self = '', speed = '1'] = process.argv.slice(2);
const print = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

/** Leases last for minutes; a test has seconds. */
function fast(clock: Clock, factor: number): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic() * factor,
    // Waits for the router's answers stay as long as they are.
    sleep: (ms, signal) => clock.sleep(ms > 10_000 ? ms / factor : ms, signal),
    after: (ms, fn) => clock.after(ms > 10_000 ? ms / factor : ms, fn),
  };
}

const socket = createSocket('udp4');
socket.bind(0, self);
await once(socket, 'listening');
socket.on('message', (data) => print({ received: data.toString().trim() }));

const log: Log = Object.assign(
  (_level: string, event: string, fields?: object): void => print({ event, ...fields }),
  { child: (): Log => log },
);
const mapper = new PortMapper({
  clock: fast(systemClock(), Number(speed)),
  random: Math.random,
  log,
  gateway: () => ({ gateway, self }),
  changed: () => print({ mapped: mapper.mapped() ?? null }),
});
mapper.setLocalPort(socket.address().port);
mapper.mapped();

for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'state') print({ status: mapper.state() });
  else if (command === 'probe') print({ services: await mapper.probe(new AbortController().signal) });
  else if (command === 'network-changed') mapper.networkChanged(false);
  else if (command === 'close') break;
}
await mapper[Symbol.asyncDispose]();
print({ closed: true });
socket.close();
