/**
 * A private network for the app: the device whose page is opened, an exit node, and a machine that only
 * relays reach; and Chromium on the device itself, since its page is served to that machine alone.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { Daemon } from '../lab/daemon.ts';
import type { Host } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { NatNetwork } from '../lab/nat-network.ts';
import { until } from '../lab/wait.ts';
import { chromiumPath } from '../sign-in/chromium.ts';

export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts and what the security policy refused. */
  readonly complaints: readonly string[];
}

export class World implements AsyncDisposable {
  readonly lab: Lab;
  readonly network: NatNetwork;
  /** Not signed in at the start. */
  readonly device: Daemon;
  readonly browser: Browser;

  private constructor(lab: Lab, network: NatNetwork, device: Daemon, browser: Browser) {
    this.lab = lab;
    this.network = network;
    this.device = device;
    this.browser = browser;
  }

  static async open(): Promise<World> {
    const lab = await Lab.open();
    try {
      const network = await NatNetwork.open(lab);
      const sites = [
        await network.net.add('open', 'harbour'),
        await network.net.add('udp-blocked', 'island'),
      ];
      for (const { host } of sites) await host.forward();
      await network.join(sites);
      const { control } = network;
      await network
        .machine('harbour')
        .cli(['set', '--advertise-exit-node', '--advertise-routes=10.66.0.0/16']);
      const id = await control.idOf('harbour');
      await control.rawCli('nodes', 'approve-routes', id, '--add', '0.0.0.0/0,::/0,10.66.0.0/16');
      const { host } = await network.net.add('open', 'desk');
      const device = await Daemon.start(host);
      return new World(lab, network, device, await browserOn(host));
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

  async openPage(url: string): Promise<OpenPage> {
    const context = await this.browser.newContext({
      viewport: { width: 1_280, height: 800 },
      permissions: ['clipboard-read', 'clipboard-write'],
      locale: 'en-GB',
    });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (message) => {
      // A socket that breaks when the daemon is killed is the browser's to mention.
      if (message.type() === 'error' && !message.text().includes('WebSocket'))
        complaints.push(message.text());
    });
    await page.goto(url);
    return { page, context, complaints, [Symbol.asyncDispose]: () => context.close() };
  }

  async signIn(): Promise<void> {
    await this.device.join({ server: this.serverUrl, authKey: this.network.authKey, hostname: 'desk' });
    await this.device.peer('harbour', ({ ExitNodeOption }) => ExitNodeOption === true);
  }

  /** Until the daemon says so. */
  async preference(name: string, wanted: unknown): Promise<void> {
    await until(`${name} to be ${JSON.stringify(wanted)}`, async () => {
      const prefs = (await this.device.api.prefs(AbortSignal.timeout(5_000))) as unknown as Readonly<
        Record<string, unknown>
      >;
      return JSON.stringify(prefs[name]) === JSON.stringify(wanted);
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
async function browserOn(host: Host): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('there is no Chromium here');
  const program = join(host.folder, 'chromium');
  const words = host.inside([chromiumPath]).map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  writeFileSync(program, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(program, 0o755);
  return await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
}
