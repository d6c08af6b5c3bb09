/** A private network with exit nodes on the lab's Internet, and a witness who tells from which address a machine is seen. */
import { join } from 'node:path';
import { canonicalIp } from '#shared/ip/address.ts';
import { Daemon } from './daemon.ts';
import type { Host } from './host.ts';
import type { Internet } from './internet.ts';
import type { Lab } from './lab.ts';
import { NatNetwork } from './nat-network.ts';
import type { LabProcess } from './process.ts';
import type { Site, SiteKind } from './site.ts';
import { must, until } from './wait.ts';

const WITNESS = join(import.meta.dirname, 'programs/witness.ts');
/** The coordination server is known by a name, so that a machine has to look it up. */
export const CONTROL_NAME = 'control.example';
const CONTROL_URL = `http://${CONTROL_NAME}:443`;
export const WITNESS_NAME = 'witness.example';
/** Documentation addresses (RFC 5737, RFC 3849). */
const FAR_V4 = '198.51.100';
const FAR_V6 = '2001:db8:7:';
const CHANGE_MS = 15_000;

/** A host in a network of its own: an exit node lets nobody into those that it is attached to itself. */
async function addFarHost(net: Internet, name: string): Promise<Host> {
  const router = await net.lab.addHost(`${name}-router`, { on: [net.core] });
  const far = await net.lab.addSwitch(`${name}-lan`, { v4: FAR_V4, v6: FAR_V6 });
  const { v4, v6 } = await net.lab.plug(router, far, { number: 1 });
  await router.forward();
  await router.routeBy(net.gateway);
  await net.announce(`${FAR_V4}.0/24`, router.v4);
  await net.announce(`${FAR_V6}:/64`, router.v6);
  const host = await net.lab.addHost(name, { on: [far] });
  await host.routeBy({ v4, v6 });
  return host;
}

export class ExitWorld {
  readonly network: NatNetwork;
  readonly witness: Host;
  readonly client: Daemon;
  readonly clientSite: Site;
  readonly exits: readonly Daemon[];
  readonly #said: LabProcess;

  private constructor(
    parts: Pick<ExitWorld, 'network' | 'witness' | 'client' | 'clientSite' | 'exits'> & {
      readonly said: LabProcess;
    },
  ) {
    this.network = parts.network;
    this.witness = parts.witness;
    this.client = parts.client;
    this.clientSite = parts.clientSite;
    this.exits = parts.exits;
    this.#said = parts.said;
  }

  /** Exit nodes are offered and approved; none is used yet. */
  static async open(lab: Lab, clientKind: SiteKind, exitNames: readonly string[]): Promise<ExitWorld> {
    const network = await NatNetwork.open(lab);
    const { net, control } = network;
    const witness = await addFarHost(net, 'witness');
    const names = [`${CONTROL_NAME}=${net.server.v4}`, `${WITNESS_NAME}=${witness.v4}`];
    const said = witness.spawn({
      name: 'witness',
      argv: [process.execPath, WITNESS, witness.v4, witness.v6, ...names],
    });
    await said.says(/^ready$/m);
    const clientSite = await net.add(clientKind, 'client');
    const exitSites = [];
    for (const name of exitNames) {
      const site = await net.add('open', name);
      await site.host.forward();
      exitSites.push(site);
    }
    for (const { host } of [clientSite, ...exitSites]) host.resolveBy(witness.v4);
    const join = async ({ host }: Site): Promise<Daemon> => {
      const machine = await Daemon.start(host);
      await machine.join({ server: CONTROL_URL, authKey: network.authKey });
      return machine;
    };
    const client = await join(clientSite);
    const exits: Daemon[] = [];
    for (const site of exitSites) exits.push(await join(site));
    for (const exit of exits) {
      await exit.cli(['set', '--advertise-exit-node']);
      const id = await control.idOf(exit.host.name);
      await until(`${exit.host.name} to be approved`, async () => {
        await control.rawCli('nodes', 'approve-routes', id, '--add', '0.0.0.0/0,::/0');
        return true;
      });
    }
    for (const { host } of exits)
      await client.peer(host.name, ({ ExitNodeOption }) => ExitNodeOption === true, CHANGE_MS);
    return new ExitWorld({ network, witness, client, clientSite, exits, said });
  }

  /** What the witness wrote since that many characters. */
  since(mark: number): string {
    return this.#said.output.slice(mark);
  }

  get mark(): number {
    return this.#said.output.length;
  }

  /** The address from which the witness sees the client; undefined when nothing comes back. */
  async seenAs(family: 4 | 6, from: Host = this.client.host): Promise<string | undefined> {
    const where = family === 4 ? this.witness.v4 : `[${this.witness.v6}]`;
    const got = await from.exec(['curl', '-s', '-g', '-m', '3', `http://${where}/`], { mayFail: true });
    return got.code === 0 ? got.stdout.trim() : undefined;
  }

  async isSeenAs(family: 4 | 6, address: string | undefined): Promise<void> {
    const wanted = address === undefined ? undefined : canonicalIp(address);
    await until(
      `the client to be seen as ${wanted ?? 'nobody'} over IPv${family}`,
      async () => (await this.seenAs(family)) === wanted,
      { timeoutMs: CHANGE_MS },
    );
  }

  /** As `rhumb set --exit-node=` has it; empty for none. */
  async use(exit: Daemon | undefined): Promise<void> {
    await this.client.cli(['set', `--exit-node=${exit?.host.name ?? ''}`]);
    if (exit !== undefined) await this.client.peer(exit.host.name, ({ ExitNode }) => ExitNode === true);
  }

  /** The client once more, with all that it was told before. */
  async signIn(): Promise<void> {
    const { client, network } = this;
    const where = ['--login-server', CONTROL_URL, '--auth-key', network.authKey, '--hostname', 'client'];
    await client.cli([
      'up',
      '--force-reauth',
      ...where,
      '--exit-node',
      this.exit(0).host.name,
      '--timeout',
      '20s',
    ]);
    await client.running();
  }

  /** What the command line would not send. */
  async patch(prefs: Readonly<Record<string, unknown>>): Promise<void> {
    const url = 'http://local-tailscaled.sock/localapi/v0/prefs';
    const how = ['-sf', '--unix-socket', this.client.socket, '-X', 'PATCH', '-d', JSON.stringify(prefs)];
    await this.client.host.exec(['curl', ...how, url]);
  }

  /** The witness, who is the name server too, answers nobody until told. */
  silence(isSilent: boolean): void {
    this.#said.signal(isSilent ? 'SIGSTOP' : 'SIGCONT');
  }

  /** The kill switch as the kernel has it; undefined when there is none. */
  async killSwitch(): Promise<string | undefined> {
    const listed = await this.client.host.exec(['nft', 'list', 'table', 'inet', 'rhumb-killswitch'], {
      mayFail: true,
    });
    return listed.code === 0 ? listed.stdout : undefined;
  }

  exit(n: number): Daemon {
    const found = this.exits[n];
    must(found !== undefined, `there is an exit node ${n}`);
    return found;
  }
}
