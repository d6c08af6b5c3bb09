/**
 * `npm start`: a private network on this machine. `npm start -- --check` verifies it and ends.
 *
 * As root on Linux: a coordination server and a second machine in network namespaces, and this machine joins them.
 * With --check, with --isolated, and where this machine already uses the address range, the first machine is a
 * namespace too, so that nothing of this machine changes.
 */
import { mkdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { parseArgs } from 'node:util';
import { toRhumbError } from '#shared/errors.ts';
import { Control } from '../e2e/lab/control.ts';
import { Daemon } from '../e2e/lab/daemon.ts';
import { Host } from '../e2e/lab/host.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { untilTold } from '../e2e/lab/leash.ts';
import { endRun, leftOf, openRun, sweep } from '../e2e/lab/run.ts';
import { whyNot } from '../e2e/lab/scenario.ts';
import { clock, must, until } from '../e2e/lab/wait.ts';
import { findElectron } from './package/find-electron.ts';
import { openApp, openingOf, personBehind } from './package/open-app.ts';

const USAGE = `npm start                    a private network on this machine, until Ctrl-C
npm start -- --check         the same without waiting; exit 0 when two machines reached each other
npm start -- --isolated      the first machine is a network namespace, not this machine
npm start -- --check --here  checks with this machine as the first`;

const { values } = parseArgs({
  options: {
    check: { type: 'boolean' },
    isolated: { type: 'boolean' },
    here: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
const isCheck = values.check === true;
const told = untilTold();
const say = (text = ''): void => console.log(text);
const bin = (name: string): string => `bin/${name}`;

if (values.help === true) say(USAGE);
else process.exitCode = await main();
process.exit();

async function main(): Promise<number> {
  const swept = sweep();
  if (swept.length > 0) say(`removed what a killed run left behind (${swept.join(', ')})`);
  const reason = whyNot(['curl']);
  return reason === undefined ? await withLab() : await serverOnly(reason);
}

async function withLab(): Promise<number> {
  const lab = await Lab.open();
  let failed = false;
  try {
    const stopped = new Promise<never>((_, reject) => {
      told.addEventListener('abort', () => reject(told.reason), { once: true });
    });
    await Promise.race([runNetwork(lab), stopped]);
  } catch (error) {
    failed = !told.aborted || isCheck;
    if (failed) say(`${toRhumbError(error).message}\n${lab.report()}`);
  }
  if (!isCheck) say('\nremoving everything');
  await lab[Symbol.asyncDispose]();
  const left = leftOf(lab.run.id);
  if (left.length > 0) say(`left behind: ${left.join(', ')}`);
  if (isCheck) say(failed || left.length > 0 ? 'check failed' : 'check passed: nothing was left behind');
  return failed || left.length > 0 ? 1 : 0;
}

async function runNetwork(lab: Lab): Promise<void> {
  const began = clock.monotonic();
  const lan = await lab.addSwitch('lan');
  const whyIsolated = isolation();
  const first =
    whyIsolated === undefined
      ? await lab.addThisMachine('here', lan)
      : await lab.addHost('first', { on: [lan] });
  const second = await lab.addHost('second', { on: [lan] });
  const control = await Control.start(await lab.addHost('control', { on: [lan] }));
  const authKey = await control.authKey({ reusable: true });
  const flags = whyIsolated === undefined ? ['--tun', freeTun(), '--port', '0'] : [];
  const machines = await Promise.all([Daemon.start(first, flags), Daemon.start(second)]);
  const names = [whyIsolated === undefined ? 'this-machine' : 'first', 'second'];
  await Promise.all(
    machines.map((machine, n) => machine.join({ server: control.url, authKey, hostname: names[n] ?? '' })),
  );
  const [one, two] = machines;
  await one.peer('second');
  await two.peer(names[0] ?? '');
  const [one4, one6] = await one.addresses();
  const [two4, two6] = await two.addresses();

  say(`A private network runs on this machine (up in ${seconds(clock.monotonic() - began)}):\n`);
  const row = (what: string, where: string, how: string): void =>
    say(`  ${what.padEnd(20)} ${where.padEnd(44)} ${how}`);
  row('coordination server', control.url, `namespace ${control.host.netns}`);
  row('relay', `region ${await homeOf(one)}, over TLS; STUN`, 'in the coordination server');
  const where =
    first.netns === undefined ? `this machine, interface ${flags[1]}` : `namespace ${first.netns}`;
  row(first.netns === undefined ? 'this machine' : 'first machine', `${one4}  ${one6}`, where);
  row('second machine', `${two4}  ${two6}`, `namespace ${second.netns}`);
  if (whyIsolated !== undefined && !isCheck) say(`\n  ${whyIsolated}`);
  say();

  for (const [from, to, address] of [
    [one, 'second', two4],
    [one, 'second', two6],
    [two, names[0], one4],
    [two, names[0], one6],
  ] as const) {
    const { received, averageMs } = await from.host.ping(address, { count: 3, waitMs: 5_000 });
    must(received > 0, `${from.host.name} does not reach ${to} at ${address}`);
    say(
      `  ${from === one ? names[0] : 'second'} pings ${to} at ${address}: ${received} of 3 replies, ${averageMs} ms`,
    );
  }
  const peer = await one.peer(
    'second',
    ({ CurAddr, LastHandshake }) => CurAddr !== '' && LastHandshake !== undefined,
  );
  say(`  directly, over WireGuard: ${peer.CurAddr}\n`);
  say('Where no direct path is possible the relay carries the traffic.');
  if (isCheck) return;

  if (first.netns === undefined) sayConsole(control);
  await showApp(one);
  say('\nTry, in another terminal, as root:\n');
  const inFirst = first.netns === undefined ? '' : `ip netns exec ${first.netns} `;
  say(`  ${bin('rhumb')} --socket ${one.socket} status`);
  say(`  ${bin('rhumb')} --socket ${two.socket} ping ${one4}`);
  say(`  ${bin('rhumb')} --socket ${one.socket} netcheck`);
  say(`  ${inFirst}ping ${two4}`);
  say(`  ip netns exec ${second.netns} ping ${one6}`);
  say(`  ${bin('rhumb-control')} nodes list --state-dir ${control.stateDir}`);
  say(`  ${bin('rhumb-control')} preauthkeys create --user lab --state-dir ${control.stateDir}`);
  say('\nCtrl-C ends it and removes everything it made.');
  await ended([...machines.map((machine) => machine.process), control.process]);
}

/** The desktop program where there is an Electron; without, the same pages in a browser. */
async function showApp(machine: Daemon): Promise<void> {
  const electron = findElectron();
  if (electron === undefined) return await sayPage(machine);
  const person = personBehind(process.env);
  // Whoever started this may change the network, as root may.
  if (person !== undefined)
    await machine.host.exec([bin('rhumb'), '--socket', machine.socket, 'set', `--operator=${person.name}`]);
  const isRoot = process.getuid?.() === 0;
  const app = await openApp(openingOf(electron, machine.socket, { env: process.env, isRoot, person }));
  told.addEventListener('abort', () => app.kill(), { once: true });
  app.once('error', ({ message }) => say(`The app did not open: ${message}`));
  app.once('exit', () => {
    if (!told.aborted)
      say(`The app has ended; the network goes on. Again: ${electron} . --socket=${machine.socket}`);
  });
  say('\nThe app opens.');
}

/** Its address is of the machine itself, so one in a namespace has it for browsers in there alone. */
async function sayPage(machine: Daemon): Promise<void> {
  const command = [bin('rhumb'), '--socket', machine.socket, 'web'];
  const again = command.join(' ');
  if (machine.host.netns !== undefined) {
    say(`\nThe app, in a browser of that namespace: ip netns exec ${machine.host.netns} ${again}`);
    return;
  }
  const { stdout } = await machine.host.exec([...command, '--browser=false']);
  say(`\nThe app, in a browser: ${stdout.trim()}`);
  say(`The link works once, within five minutes; for another one: ${again}`);
}

/** Where the network is seen and changed with a browser: the server says itself how the first person gets in. */
function sayConsole({ process: { output } }: Control): void {
  const [, address, code] = /open (\S+) and enter the code (\S+)/.exec(output) ?? [];
  if (address !== undefined) say(`\nThe web console: open ${address} and enter the code ${code}`);
}

/** The relay that a machine has chosen, by the code of its region. */
async function homeOf(machine: Daemon): Promise<string> {
  return await until(
    `${machine.host.name} to have a home relay`,
    async () => (await machine.status()).Self?.Relay || undefined,
  );
}

/** Resolves never: rejects when one of the programs ends by itself. */
async function ended(
  processes: readonly { readonly name: string; readonly running: boolean }[],
): Promise<never> {
  while (true) {
    const gone = processes.find(({ running }) => !running);
    must(gone === undefined, `${gone?.name} ended by itself`);
    await clock.sleep(500, told);
  }
}

/** Why the first machine is a namespace and not this machine; undefined when it is this machine. */
function isolation(): string | undefined {
  if (values.isolated === true) return 'The first machine is a namespace, as asked for with --isolated.';
  if (isCheck && values.here !== true) return 'A check leaves this machine itself alone.';
  const taken = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some(({ address }) => isOverlay(address)),
  );
  if (taken === undefined) return undefined;
  return `The first machine is a namespace: ${taken[0]} of this machine already uses the address range of the network.`;
}

/** 100.64.0.0/10 and fd7a:115c:a1e0::/48, as every network of this kind. */
function isOverlay(address: string): boolean {
  const [a, b] = address.split('.').map(Number);
  return (a === 100 && b !== undefined && b >= 64 && b < 128) || address.startsWith('fd7a:115c:a1e0:');
}

function freeTun(): string {
  const taken = Object.keys(networkInterfaces());
  for (let n = 0; n < 100; n += 1) if (!taken.includes(`rhumb${n}`)) return `rhumb${n}`;
  return 'rhumb100';
}

/** What is possible without root, Linux or a TUN device: the coordination server alone. */
async function serverOnly(reason: string): Promise<number> {
  const run = openRun();
  const host = new Host(run, 'control', 'here');
  host.links.push({ name: 'lo', v4: '127.0.0.1', v6: '::1', bits4: 8, bits6: 128 });
  mkdirSync(host.folder, { recursive: true });
  let failed = false;
  try {
    const control = await Control.start(host);
    say(`A coordination server runs on this machine: ${control.url}`);
    sayConsole(control);
    say(`  ${bin('rhumb-control')} preauthkeys create --user lab --state-dir ${control.stateDir}`);
    say(`\nNot started: machines of the network, because that ${reason}. With root: sudo npm start`);
    if (isCheck) failed = true;
    else {
      say('\nCtrl-C ends it.');
      await ended([control.process]);
    }
  } catch (error) {
    failed = !told.aborted;
    if (failed) say(toRhumbError(error).message);
  }
  await Promise.all(host.processes.map((child) => child.stop()));
  endRun(run.id);
  if (isCheck) say('check failed: no two machines could be tried');
  return failed ? 1 : 0;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
