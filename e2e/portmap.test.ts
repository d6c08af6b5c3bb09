/**
 * The port mapper against a real router: Debian's miniupnpd in a network namespace between a machine of ours and one outside.
 * Every datagram that is said to arrive did come from outside.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { exec } from './lab/exec.ts';

const MINIUPNPD = '/usr/sbin/miniupnpd';
const PREFIX = 'rpm';
const PATIENCE_MS = 20_000;
/** Documentation addresses will not do: the router takes them for what they are and refuses. */
const WAN = '5.6.7.1';
const OUTSIDE = '5.6.7.9';
const LAN = '192.168.77.1';
const SELF = '192.168.77.2';

/** Why this cannot run here. */
function whyNot(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  if (!existsSync(MINIUPNPD)) return 'needs miniupnpd; install it with: apt-get install miniupnpd-nftables';
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const missing = ['ip', 'nft', 'bash'].find((name) => !folders.some((at) => existsSync(join(at, name))));
  return missing === undefined ? undefined : `needs ${missing}`;
}

const RULES = `
table inet filter {
  chain forward { type filter hook forward priority 0; policy drop; jump miniupnpd; iifname "lan" accept; ct state established,related accept; }
  chain miniupnpd { }
  chain input { type filter hook input priority 0; policy accept; }
  chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority 100; jump postrouting_miniupnpd; oifname "wan" masquerade; }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
}`;

interface Services {
  readonly pxp: boolean;
  readonly upnp: boolean;
}

/** Three namespaces, and the router's program in the middle one. */
class Home implements AsyncDisposable {
  readonly #id = `${PREFIX}${process.pid}`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'rhumb-portmap-'));
  readonly #agents: Agent[] = [];
  #daemon: ChildProcessByStdio<null, Readable, Readable> | undefined;

  static async open(): Promise<Home> {
    await sweep();
    const home = new Home();
    try {
      await home.#build();
    } catch (error) {
      await home[Symbol.asyncDispose]();
      throw error;
    }
    return home;
  }

  name(which: 'router' | 'inside' | 'outside'): string {
    return `${this.#id}-${which}`;
  }

  async startRouter({ pxp, upnp }: Services): Promise<void> {
    const file = join(this.#folder, 'miniupnpd.conf');
    const yes = (on: boolean): string => (on ? 'yes' : 'no');
    writeFileSync(
      file,
      [
        'ext_ifname=wan',
        'listening_ip=lan',
        'http_port=0',
        `enable_natpmp=${yes(pxp)}`,
        `enable_upnp=${yes(upnp)}`,
        'secure_mode=yes',
        'uuid=00000000-0000-4000-8000-000000000001',
        'allow 1024-65535 192.168.77.0/24 1024-65535',
        'deny 0-65535 0.0.0.0/0 0-65535',
        '',
      ].join('\n'),
    );
    const argv = [MINIUPNPD, '-d', '-4', '-P', join(this.#folder, 'pid'), '-f', file];
    const child = spawn('ip', ['netns', 'exec', this.name('router'), ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#daemon = child;
    const ready = Promise.withResolvers<void>();
    const wanted = pxp ? 'Listening for NAT-PMP/PCP' : 'HTTP listening on port';
    let said = '';
    child.stdout.resume();
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_000);
      if (said.includes(wanted)) ready.resolve();
    });
    child.once('exit', () => ready.reject(new Error(`miniupnpd ended: ${said}`)));
    await Promise.race([ready.promise, late(`miniupnpd to say ${wanted}`)]);
  }

  /** As a router that loses its power: without a word, and nothing is left of its mappings. */
  async cutRouter(): Promise<void> {
    const child = this.#daemon;
    this.#daemon = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await Promise.race([ended, late('miniupnpd to end')]);
    for (const chain of ['miniupnpd', 'prerouting_miniupnpd', 'postrouting_miniupnpd'])
      await this.nft('flush', 'chain', 'inet', 'filter', chain);
  }

  async nft(...args: readonly string[]): Promise<string> {
    return (await exec(['ip', 'netns', 'exec', this.name('router'), 'nft', ...args])).stdout;
  }

  /** Which external ports lead somewhere now, and where. */
  async redirects(): Promise<string[]> {
    const chain = await this.nft('list', 'chain', 'inet', 'filter', 'prerouting_miniupnpd');
    return [...chain.matchAll(/dport (\d+) dnat ip to (\S+)/g)].map(([, port, to]) => `${port} ${to}`);
  }

  /** A machine inside that keeps a port mapped, with a clock that runs so many times faster. */
  agent(speed = 1): Agent {
    const agent = new Agent(this.name('inside'), speed);
    this.#agents.push(agent);
    return agent;
  }

  async sendFromOutside(text: string, port: number): Promise<void> {
    const script = `echo ${text} > /dev/udp/${WAN}/${port}`;
    await exec(['ip', 'netns', 'exec', this.name('outside'), 'bash', '-c', script]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) agent.kill();
    this.#daemon?.kill('SIGKILL');
    for (const which of ['router', 'inside', 'outside'] as const)
      await exec(['ip', 'netns', 'del', this.name(which)], { mayFail: true });
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #build(): Promise<void> {
    const [router, inside, outside] = [this.name('router'), this.name('inside'), this.name('outside')];
    const ip = (...args: readonly string[]): Promise<unknown> => exec(['ip', ...args]);
    for (const name of [router, inside, outside]) {
      await ip('netns', 'add', name);
      await ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    const plug = async (name: string, at: string, theirs: string, ours: string): Promise<void> => {
      await ip('link', 'add', at, 'netns', router, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      await ip('-n', router, 'addr', 'add', `${theirs}/24`, 'dev', at);
      await ip('-n', name, 'addr', 'add', `${ours}/24`, 'dev', 'eth0');
      await ip('-n', router, 'link', 'set', at, 'up');
      await ip('-n', name, 'link', 'set', 'eth0', 'up');
    };
    await plug(inside, 'lan', LAN, SELF);
    await plug(outside, 'wan', WAN, OUTSIDE);
    await ip('-n', inside, 'route', 'add', 'default', 'via', LAN);
    await ip('netns', 'exec', router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    await exec(['ip', 'netns', 'exec', router, 'nft', '-f', '-'], { input: RULES });
  }
}

type Line = Readonly<Record<string, unknown>>;

/** portmap-agent.ts inside. */
class Agent {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Line[] = [];
  #read = 0;
  #wake: () => void = () => undefined;

  constructor(namespace: string, speed: number) {
    const program = new URL('./portmap-agent.ts', import.meta.url).pathname;
    this.#child = spawn(
      'ip',
      ['netns', 'exec', namespace, process.execPath, program, LAN, SELF, String(speed)],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    createInterface({ input: this.#child.stdout }).on('line', (text) => {
      this.#lines.push(JSON.parse(text) as Line);
      this.#wake();
    });
  }

  tell(command: 'state' | 'probe' | 'network-changed' | 'close'): void {
    this.#child.stdin.write(`${command}\n`);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** The next line, after those taken so far, that has this field; with everything else it said if it never comes. */
  async next(field: string): Promise<unknown> {
    const gaveUp = Date.now() + PATIENCE_MS;
    while (Date.now() < gaveUp) {
      for (; this.#read < this.#lines.length; this.#read++) {
        const value = this.#lines[this.#read]?.[field];
        if (value === undefined) continue;
        this.#read++;
        return value;
      }
      const more = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([more, sleep(1_000)]);
    }
    throw new Error(`the agent never said ${field}: ${JSON.stringify(this.#lines)}`);
  }

  async mappedPort(): Promise<number> {
    const { ip, port } = (await this.next('mapped')) as { ip: string; port: number };
    expect(ip).toBe(WAN);
    return port;
  }

  async mapping(): Promise<{ readonly protocol: string; readonly goodUntilMs: number }> {
    this.tell('state');
    const status = (await this.next('status')) as {
      state: { mapping: { protocol: string; goodUntilMs: number } };
    };
    return status.state.mapping;
  }
}

async function late(what: string): Promise<never> {
  await sleep(PATIENCE_MS, undefined, { ref: false });
  throw new Error(`waited too long for ${what}`);
}

/** Namespaces of runs whose process is gone. */
async function sweep(): Promise<void> {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  for (const name of names) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await exec(['ip', 'netns', 'del', name]);
  }
}

const reason = whyNot();

describe.each([
  { protocol: 'nat-pmp', services: { pxp: true, upnp: false }, only: undefined },
  // The router that knows both is made to answer PCP alone.
  { protocol: 'pcp', services: { pxp: true, upnp: false }, only: 'udp dport 5351 @th,64,8 0 drop' },
  { protocol: 'upnp', services: { pxp: false, upnp: true }, only: undefined },
])('$protocol', ({ protocol, services, only }) => {
  const open = async (): Promise<Home> => {
    const home = await Home.open();
    if (only !== undefined) await home.nft('add', 'rule', 'inet', 'filter', 'input', ...only.split(' '));
    await home.startRouter(services);
    return home;
  };

  test('a datagram from outside arrives, and on closing the router forgets the mapping', async ({ skip }) => {
    if (reason !== undefined) skip(reason);
    await using home = await open();
    const agent = home.agent();
    const port = await agent.mappedPort();
    expect(port).toBeGreaterThanOrEqual(1_024);
    expect((await agent.mapping()).protocol).toBe(protocol);
    await home.sendFromOutside('ahoy', port);
    expect(await agent.next('received')).toBe('ahoy');
    agent.tell('probe');
    expect(await agent.next('services')).toMatchObject({ upnp: services.upnp });
    agent.tell('close');
    await agent.next('closed');
    // NAT-PMP and PCP are released by a datagram that nobody answers in time for us.
    for (let i = 0; i < 20 && (await home.redirects()).length > 0; i++) await sleep(50);
    expect(await home.redirects()).toEqual([]);
  });

  test('a lease is renewed in time and keeps its port', async ({ skip }) => {
    if (reason !== undefined) skip(reason);
    await using home = await open();
    // Two hours in ten seconds; with less a busy machine would miss the half of it.
    const agent = home.agent(720);
    const port = await agent.mappedPort();
    const first = await agent.mapping();
    let last = first;
    for (let i = 0; i < 100 && last.goodUntilMs <= first.goodUntilMs; i++) {
      await sleep(100);
      last = await agent.mapping();
    }
    expect(last.goodUntilMs).toBeGreaterThan(first.goodUntilMs);
    expect(last.protocol).toBe(protocol);
    await home.sendFromOutside('still', port);
    expect(await agent.next('received')).toBe('still');
    expect(await home.redirects()).toHaveLength(1);
  });

  test('a router that was switched off and on maps the same port again', async ({ skip }) => {
    if (reason !== undefined) skip(reason);
    await using home = await open();
    const agent = home.agent();
    const port = await agent.mappedPort();
    const [redirect] = await home.redirects();
    // The router counts seconds since its start: with none counted a new start could not be told from the old one.
    await sleep(3_000);
    agent.tell('probe');
    await agent.next('services');
    await home.cutRouter();
    expect(await home.redirects()).toEqual([]);
    await home.startRouter(services);
    // The servers of the one kind announce themselves; a UPnP mapping is looked after when the network stirs.
    if (protocol === 'upnp') agent.tell('network-changed');
    for (let i = 0; i < 100 && (await home.redirects()).length === 0; i++) await sleep(100);
    expect(await home.redirects()).toEqual([redirect]);
    await home.sendFromOutside('again', port);
    expect(await agent.next('received')).toBe('again');
  });
});

test('a router that offers nothing costs nothing and holds up nothing', async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  await using home = await Home.open();
  const agent = home.agent();
  expect(await agent.next('why')).toBe('the router offers no port mapping');
  agent.tell('probe');
  expect(await agent.next('services')).toEqual({ pmp: false, pcp: false, upnp: false });
  agent.tell('close');
  await agent.next('closed');
});
