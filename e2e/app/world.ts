/**
 * A private network for the app: the device whose page is opened, an exit node, and a machine that only
 * relays reach until its router lets more through; and Chromium on the device itself, since its page is served to
 * that machine alone.
 */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { z } from 'zod';
import { Daemon } from '../lab/daemon.ts';
import { ROOT } from '../lab/figures.ts';
import type { Host } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { NatNetwork } from '../lab/nat-network.ts';
import { blockUdp, type Site } from '../lab/site.ts';
import { until } from '../lab/wait.ts';
import { BUNDLE } from '../scenes/serve.ts';
import { chromiumPath } from '../sign-in/chromium.ts';
import { Tab } from './tab.ts';

export const DEVICE_NAME = 'desk';
/** Behind the exit node, and behind the device. */
export const FAR = { network: '10.66.0.0/16', address: '10.66.1.1' } as const;
export const NEAR = { network: '10.99.1.0/24', address: '10.99.1.1' } as const;

const adminCode = z.object({ code: z.string() });

export class World implements AsyncDisposable {
  readonly lab: Lab;
  readonly network: NatNetwork;
  /** Not signed in at the start. */
  readonly device: Daemon;
  readonly browser: Browser;
  readonly #island: Site;
  readonly #authKeys: string[] = [];
  #openIsland: (() => Promise<void>) | undefined;

  private constructor(lab: Lab, network: NatNetwork, device: Daemon, browser: Browser, island: Site) {
    this.lab = lab;
    this.network = network;
    this.device = device;
    this.browser = browser;
    this.#island = island;
  }

  static async open(): Promise<World> {
    const lab = await Lab.open();
    try {
      const network = await NatNetwork.open(lab);
      const harbour = await network.net.add('open', 'harbour');
      const island = await network.net.add('port-restricted', 'island');
      const openIsland = await blockUdp(island);
      await harbour.host.forward();
      await network.join([harbour, island]);
      await harbour.host.ip(`address add ${FAR.address}/32 dev lo`);
      const shared = ['--advertise-exit-node', `--advertise-routes=${FAR.network}`, '--accept-routes'];
      await network.machine('harbour').cli(['set', ...shared]);
      const id = await network.control.idOf('harbour');
      await network.control.rawCli('nodes', 'approve-routes', id, '--add', `0.0.0.0/0,::/0,${FAR.network}`);
      await network.control.cli('users', 'create', 'other');
      const { host } = await network.net.add('open', DEVICE_NAME);
      await host.forward();
      await host.ip(`address add ${NEAR.address}/32 dev lo`);
      // Another build than the usual one, while somebody works on both.
      if (BUNDLE !== join(ROOT, 'dist/app')) host.show(BUNDLE, join(ROOT, 'dist/app'));
      const device = await Daemon.start(host);
      const world = new World(lab, network, device, await browserOn(host), island);
      world.#openIsland = openIsland;
      return world;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  get serverUrl(): string {
    return `http://${this.network.net.server.v4}:443`;
  }

  /** A link that works once. */
  async link(...flags: readonly string[]): Promise<string> {
    return (await this.device.cli(['web', '--browser=false', ...flags])).stdout.trim();
  }

  async openTab(...flags: readonly string[]): Promise<Tab> {
    return await this.openUrl(await this.link(...flags));
  }

  openUrl(url: string): Promise<Tab> {
    return Tab.open(this.browser, url);
  }

  /** For one machine. */
  async authKey(user: string): Promise<string> {
    const key = await this.network.control.authKey({ user });
    this.#authKeys.push(key);
    return key;
  }

  /** The secrets of this network that stand in a text: auth keys, and the private keys of its machines. */
  secretsIn(text: string): readonly string[] {
    const machines = [this.device, ...this.network.machines.values()];
    const keys = machines.flatMap(({ stateDir }) => privateKeysIn(stateDir));
    if (keys.length === 0) throw new Error('no machine has a private key');
    return [this.network.authKey, ...this.#authKeys, ...keys].filter((secret) => text.includes(secret));
  }

  /** What every program of the lab has said. */
  logs(): string {
    return this.lab.hosts.flatMap(({ processes }) => processes.map(({ output }) => output)).join('\n');
  }

  /** With which somebody signs in at the server's page. */
  async adminCode(user = 'lab'): Promise<string> {
    return adminCode.parse(await this.network.control.cli('admin-code', 'create', '--user', user)).code;
  }

  /** The machine's router lets UDP through from now on, so that it can be reached without a relay; or no more. */
  async letIslandOut(isLet: boolean): Promise<void> {
    if (isLet) {
      await this.#openIsland?.();
      this.#openIsland = undefined;
    } else this.#openIsland ??= await blockUdp(this.#island);
  }

  get harbour(): Daemon {
    return this.network.machine('harbour');
  }

  /** As when its power fails. */
  async killHarbour(): Promise<void> {
    await this.harbour.process.kill();
  }

  async startHarbour(): Promise<void> {
    await this.harbour.run();
    await this.device.peer(
      'harbour',
      ({ Online, ExitNodeOption }) => Online === true && ExitNodeOption === true,
    );
  }

  /** Sends something there until an answer came by such a path. */
  async reachIsland(path: 'relay' | 'direct'): Promise<void> {
    await until(
      `island to be reached ${path === 'relay' ? 'through a relay' : 'directly'}`,
      async () => {
        const { TailscaleIPs: [address = ''] = [] } = await this.device.peer('island');
        await this.device.cli(['ping', '-c', '1', '--until-direct=false', address], { mayFail: true });
        const { CurAddr = '', Relay = '' } = await this.device.peer('island');
        return path === 'direct' ? CurAddr !== '' : CurAddr === '' && Relay !== '';
      },
      { timeoutMs: 60_000 },
    );
  }

  /** A packet there and back through the network. */
  async reaches(from: Host, address: string): Promise<void> {
    await until(`${from.name} to reach ${address}`, async () => (await from.ping(address)).received === 1);
  }

  /** As an admin, for the device. */
  async approve(route: string): Promise<void> {
    const { control } = this.network;
    await control.rawCli('nodes', 'approve-routes', await control.idOf(DEVICE_NAME), '--add', route);
  }

  /** The key of the device is over from now on. */
  async expire(): Promise<void> {
    const { control } = this.network;
    await control.rawCli('nodes', 'expire', await control.idOf(DEVICE_NAME));
  }

  /** Whether each new machine waits for an admin. */
  async approvals(isOn: boolean): Promise<void> {
    await this.network.control.rawCli('settings', 'set', 'devices-approval', isOn ? 'on' : 'off');
  }

  /** At the server: whoever was approved stays so. */
  async forgetDevice(): Promise<void> {
    const { control } = this.network;
    const isThere = (await control.nodes()).some((node) => node.given_name === DEVICE_NAME);
    if (isThere) await control.rawCli('nodes', 'delete', await control.idOf(DEVICE_NAME), '--force');
  }

  async approveDevice(): Promise<void> {
    const { control } = this.network;
    await control.rawCli('nodes', 'approve', await control.idOf(DEVICE_NAME));
  }

  async signIn(): Promise<void> {
    await this.device.join({ server: this.serverUrl, authKey: this.network.authKey, hostname: DEVICE_NAME });
    await this.device.peer('harbour', ({ ExitNodeOption }) => ExitNodeOption === true);
  }

  /** Until the daemon says so. */
  async preference(name: string, wanted: unknown): Promise<void> {
    await until(`${name} to be ${JSON.stringify(wanted)}`, async () => {
      const prefs: object = await this.device.api.prefs(AbortSignal.timeout(5_000));
      return JSON.stringify(Reflect.get(prefs, name)) === JSON.stringify(wanted);
    });
  }

  async state(wanted: string): Promise<void> {
    await until(
      `the state to be ${wanted}`,
      async () => (await this.device.status()).BackendState === wanted,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    await this.lab[Symbol.asyncDispose]();
  }
}

/** Playwright speaks with it through pipes, which lead into the host's network namespace. */
export async function browserOn(host: Host): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('there is no Chromium here');
  const program = join(host.folder, 'chromium');
  const words = host.inside([chromiumPath]).map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  writeFileSync(program, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(program, 0o755);
  return await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
}

/** As text: 64 hexadecimal digits each. The state keeps values in base64. */
function privateKeysIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap(({ parentPath, name }) => {
      const text = readFileSync(join(parentPath, name), 'utf8');
      const inner = [...text.matchAll(/"([\w+/]{40,}={0,2})"/g)].map(([, value = '']) =>
        Buffer.from(value, 'base64').toString('utf8'),
      );
      return [text, ...inner].flatMap((one) =>
        [...one.matchAll(/privkey:(?!0{64})([0-9a-f]{64})/g)].map(([, key = '']) => key),
      );
    });
}
