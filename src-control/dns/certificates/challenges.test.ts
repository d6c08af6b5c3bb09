/** Challenges of machines: only for their own name, acknowledged when everybody can see them, gone after a while. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Network } from '../../state/network.ts';
import { sampleNode, sampleUser } from '../../store/sample-records.ts';
import { openMemoryStore } from '../../store/sqlite.ts';
import { DnsView } from '../view.ts';
import { Challenges, type ChallengesDeps } from './challenges.ts';
import { openPublisher } from './publish.ts';

const OWN = '_acme-challenge.host-1.net.example';
const VALUE = 'Zm9vYmFyLWZvb2Jhci1mb29iYXItZm9vYmFyLWZvb2I';
const SERVERS = [
  { host: '192.0.2.1', port: 53 },
  { host: '192.0.2.2', port: 53 },
];

interface Lab {
  readonly challenges: Challenges;
  readonly clock: FakeClock;
  readonly network: Network;
  /** `server name value` of what each server knows. */
  readonly known: Set<string>;
  readonly log: string[];
  readonly again: () => Challenges;
}

async function lab(over: Partial<ChallengesDeps> = {}): Promise<Lab> {
  const clock = new FakeClock({ wallMs: 1_000_000 });
  const network = await Network.open({
    store: await openMemoryStore(0),
    clock,
    log: silent,
    defer: setImmediate,
  });
  await network.save({
    writes: [
      { put: 'user', value: sampleUser },
      { put: 'node', value: sampleNode(1) },
    ],
  });
  const view = new DnsView({
    ...{
      network,
      log: silent,
      baseDomain: 'net.example',
      attributesOf: () => [],
      groupsOf: () => [],
      hasIpv4: () => true,
    },
    settings: {
      ...{ choice: {}, records: [], recordsPath: undefined, overrides: [], exitNodeFiltered: [] },
      ...{ responderAddress: undefined, canPublish: true },
    },
  });
  const known = new Set<string>();
  const log: string[] = [];
  const again = (): Challenges =>
    new Challenges({
      ...{ network, view, clock, log: silent, timeoutMs: 10_000, keepMs: 60_000, check: SERVERS },
      publisher: {
        add: async (name, value) => {
          log.push(`add ${name} ${value}`);
          for (const { host } of SERVERS) known.add(`${host} ${name} ${value}`);
        },
        remove: async (name, value) => {
          log.push(`remove ${name} ${value}`);
          for (const { host } of SERVERS) known.delete(`${host} ${name} ${value}`);
        },
        restore: (name, value) => log.push(`restore ${name} ${value}`),
      },
      nameserversOf: async () => SERVERS,
      txtAt: async ({ host }, name) => (known.has(`${host} ${name} ${VALUE}`) ? [VALUE] : []),
      mayAsk: () => true,
      count: (result) => log.push(result),
      ...over,
    });
  return { challenges: again(), clock, network, known, log, again };
}

const wanted = { name: OWN, type: 'TXT', value: VALUE };

describe('whose', () => {
  test.each([
    [
      'another machine’s name',
      { ...wanted, name: '_acme-challenge.host-2.net.example' },
      /may only set _acme-challenge\.host-1/,
    ],
    ['its name without the prefix', { ...wanted, name: 'host-1.net.example' }, /may only set/],
    ['a name below', { ...wanted, name: '_acme-challenge.x.host-1.net.example' }, /may only set/],
    ['another type', { ...wanted, type: 'A' }, /only TXT/],
    ['an empty value', { ...wanted, value: '' }, /base64url/],
    ['a value with blanks', { ...wanted, value: 'a b' }, /base64url/],
    ['a value that is too long', { ...wanted, value: 'a'.repeat(256) }, /base64url/],
  ])('%s is refused', async (_what, ask, words) => {
    const { challenges, log } = await lab();
    await expect(challenges.publish(sampleNode(1), ask)).rejects.toThrow(words);
    expect(log).toEqual([]);
  });

  test('its own name is taken in any letters and with a dot at the end', async () => {
    const { challenges, log } = await lab();
    await challenges.publish(sampleNode(1), { ...wanted, name: `${OWN.toUpperCase()}.` });
    expect(log).toEqual([`add ${OWN} ${VALUE}`, 'published']);
  });

  test('machines that are out of the network, or ask too often, get none', async () => {
    const { challenges, again } = await lab();
    const out = [
      { ...sampleNode(1), disabledAt: 1 },
      { ...sampleNode(1), expiry: 5 },
    ];
    for (const node of out)
      await expect(challenges.publish(node, wanted)).rejects.toThrow(/not in the network/);
    expect(again()).toBeDefined();
    const often = await lab({ mayAsk: () => false });
    await expect(often.challenges.publish(sampleNode(1), wanted)).rejects.toThrow(/too many certificates/);
  });
});

describe('until it is visible', () => {
  test('the answer waits for every nameserver', async () => {
    const slow = new Set(['192.0.2.2']);
    const { challenges, clock } = await lab({
      txtAt: async ({ host }) => (slow.has(host) ? [] : [VALUE]),
    });
    let isDone = false;
    const done = challenges.publish(sampleNode(1), wanted).then(() => {
      isDone = true;
    });
    await clock.advance(2_000);
    expect(isDone).toBe(false);
    slow.clear();
    await clock.advance(2_000);
    await done;
  });

  test('when it never is, the machine’s user reads where it is missing', async () => {
    const { challenges, clock } = await lab({
      txtAt: async ({ host }) => {
        if (host === '192.0.2.2') throw new Error('no route');
        return [VALUE];
      },
    });
    const failed = expect(challenges.publish(sampleNode(1), wanted)).rejects.toThrow(
      `the record ${OWN} is not visible at 192.0.2.2: no route`,
    );
    await clock.advance(11_000);
    await failed;
  });
});

describe('afterwards', () => {
  test('the record goes when its time has come', async () => {
    const { challenges, clock, known, log } = await lab();
    await challenges.publish(sampleNode(1), wanted);
    expect(known.size).toBe(2);
    await clock.advance(61_000);
    expect(log.at(-1)).toBe(`remove ${OWN} ${VALUE}`);
    expect([known.size, clock.pending]).toEqual([0, 0]);
  });

  test('a server that ended in between takes away what it left when it runs again', async () => {
    const { challenges, clock, log, again } = await lab();
    await challenges.publish(sampleNode(1), wanted);
    await challenges[Symbol.asyncDispose]();
    await clock.advance(61_000);
    expect(log).toHaveLength(2);
    await using next = again();
    expect(log.at(-1)).toBe(`restore ${OWN} ${VALUE}`);
    await clock.advance(1);
    expect([next !== challenges, log.at(-1)]).toEqual([true, `remove ${OWN} ${VALUE}`]);
  });

  test('what can’t be taken away is tried again', async () => {
    let refusals = 1;
    const removed: string[] = [];
    const { challenges, clock } = await lab({
      check: [],
      publisher: {
        add: async () => undefined,
        remove: async (name) => {
          if (refusals-- > 0) throw new Error('away');
          removed.push(name);
        },
        restore: () => undefined,
      },
    });
    await challenges.publish(sampleNode(1), wanted);
    await clock.advance(61_000);
    expect(removed).toEqual([]);
    await clock.advance(301_000);
    expect(removed).toEqual([OWN]);
  });
});

describe('a program that publishes', () => {
  const script = (body: string): { readonly program: string; readonly out: string } => {
    const folder = mkdtempSync(join(tmpdir(), 'rhumb-hook-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const program = join(folder, 'hook');
    const out = join(folder, 'out');
    writeFileSync(program, `#!/bin/sh\n${body.replaceAll('OUT', out)}\n`);
    chmodSync(program, 0o700);
    return { program, out };
  };
  const open = (program: string, ...args: string[]) =>
    openPublisher(
      { kind: 'exec', command: [program, ...args] },
      { nowMs: () => 0, messageId: () => 1, responder: undefined },
    );

  test('gets what to do, the name and the value behind its arguments, and no shell looks at them', async () => {
    const { program, out } = script('printf "%s|" "$@" > OUT');
    await open(program, '--zone', 'a b').add(OWN, '-$(id)', AbortSignal.timeout(5_000));
    expect(readFileSync(out, 'utf8')).toBe(`--zone|a b|add|${OWN}|-$(id)|`);
  });

  test('that fails is quoted', async () => {
    const { program } = script('echo first >&2; echo "no such zone" >&2; exit 3');
    await expect(open(program).add(OWN, VALUE, AbortSignal.timeout(5_000))).rejects.toThrow(/no such zone$/);
  });

  test('that takes too long is ended', async () => {
    const { program } = script('exec sleep 30');
    const late = new AbortController();
    const done = open(program).add(OWN, VALUE, late.signal);
    late.abort();
    await expect(done).rejects.toThrow(/took too long/);
  });
});
