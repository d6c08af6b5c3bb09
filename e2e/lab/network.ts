/** A private network in a lab: a coordination server and machines that have joined it, all on one switch. */
import { Control } from './control.ts';
import { Daemon } from './daemon.ts';
import type { Lab, Switch } from './lab.ts';
import { clock, must, until } from './wait.ts';

export interface Network {
  readonly lan: Switch;
  readonly control: Control;
  /** In the order of the names asked for; the host names are the machines' names. */
  readonly machines: readonly Daemon[];
  /** Starts one more machine and lets it join. */
  add(name: string): Promise<Daemon>;
}

export async function privateNetwork(lab: Lab, ...names: readonly string[]): Promise<Network> {
  const lan = await lab.addSwitch('lan');
  const control = await Control.start(await lab.addHost('control', { on: [lan] }));
  const authKey = await control.authKey({ reusable: true });
  const add = async (name: string): Promise<Daemon> => {
    const machine = await Daemon.start(await lab.addHost(name, { on: [lan] }));
    await machine.join({ server: control.url, authKey });
    return machine;
  };
  const machines: Daemon[] = [];
  for (const name of names) machines.push(await add(name));
  return { lan, control, machines, add };
}

/** Both ways over both families; the first packet must arrive. Returns how long the first took, ms. */
export async function reachEachOther(a: Daemon, b: Daemon): Promise<number> {
  await a.peer(b.host.name);
  await b.peer(a.host.name);
  const began = clock.monotonic();
  await reaches(a, b, 0);
  const firstMs = clock.monotonic() - began;
  await reaches(b, a, 0);
  await reaches(a, b, 1);
  await reaches(b, a, 1);
  return firstMs;
}

async function reaches(from: Daemon, to: Daemon, family: 0 | 1): Promise<void> {
  const address = (await to.addresses())[family];
  // A peer is in the status a moment before its route is in the kernel; from then on no packet may be lost.
  const reply = await until(`${from.host.name} to have a route to ${address}`, async () => {
    const tried = await from.host.ping(address, { waitMs: 5_000 });
    return tried.sent > 0 && tried;
  });
  must(reply.received === 1, `${from.host.name} does not reach ${to.host.name} at ${address}`);
}
