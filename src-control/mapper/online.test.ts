/** Who is shown as online: every order of what can happen to a machine, against what a person would say (coordination-server.md §5). */
import { beforeAll, describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { isExpired, Network } from '../state/network.ts';
import { expireNode, removeNode, setAdmittance, setExpiry } from '../state/nodes.ts';
import type { NodeRecord } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { FakePolicy } from '../testing/fake-policy.ts';
import { FakeSink } from '../testing/fake-sink.ts';
import { machineNames } from './dns-source.ts';
import { Hub } from './hub.ts';
import { GRACE_MS } from './presence.ts';

const EVENTS = [
  'connect',
  'hang up',
  'wait',
  'expire',
  'renew',
  'disable',
  'approve',
  'routes',
  'delete',
] as const;
type Event = (typeof EVENTS)[number];

/** One network for all orders: each has a machine of its own in it. */
class Lab {
  readonly clock = new FakeClock();
  readonly network: Network;
  #hub: Hub;
  #lastId = 0;

  constructor(network: Network, clock: FakeClock) {
    this.network = network;
    this.clock = clock;
    this.#hub = this.#open();
  }

  #open(): Hub {
    return new Hub({
      ...{ network: this.network, policy: new FakePolicy(this.network, () => true), clock: this.clock },
      ...{ dns: machineNames('net.example', false), random: () => 0, log: silent },
      ...{ baseDomain: 'net.example', derpMap: undefined },
    });
  }

  restart(): void {
    this.#hub.close();
    for (const { record } of this.network.nodes())
      this.network.setLive(record.id, { isOnline: false, observedIp: undefined });
    this.#hub = this.#open();
  }

  async machine(): Promise<Machine> {
    this.#lastId += 1;
    const id = this.#lastId;
    const value = sampleNode(id, {
      ...{
        expiry: undefined,
        ipv4: `100.64.${id >> 8}.${id & 255}`,
        ipv6: `fd7a:115c:a1e0::${id.toString(16)}`,
      },
      endpoints: [],
    });
    await this.network.save({ writes: [{ put: 'node', value }] });
    return new Machine(this, id);
  }

  get hub(): Hub {
    return this.#hub;
  }
}

class Machine {
  readonly #lab: Lab;
  readonly #id: number;
  #sinks: FakeSink[] = [];
  /** Since when it has no stream; undefined = it has one, or never had. */
  #goneAt: number | undefined;

  constructor(lab: Lab, id: number) {
    this.#lab = lab;
    this.#id = id;
  }

  get #record(): NodeRecord | undefined {
    return this.#lab.network.node(this.#id)?.record;
  }

  get #hasStream(): boolean {
    return this.#sinks.some(({ state }) => state === 'open');
  }

  async happen(event: Event): Promise<void> {
    const { network, clock } = this.#lab;
    const record = this.#record;
    if (event === 'wait') await clock.advance(GRACE_MS / 2 + 1);
    else if (record !== undefined) {
      const had = this.#hasStream;
      await this.#act(event, record);
      if (had && !this.#hasStream) this.#goneAt = clock.now();
      if (this.#hasStream) this.#goneAt = undefined;
    }
    if (this.#record === undefined) this.#goneAt = undefined;
    expect(network.node(this.#id)?.isOnline ?? false).toBe(this.#isOnlineByReason());
  }

  async #act(event: Exclude<Event, 'wait'>, record: NodeRecord): Promise<void> {
    const { network, clock, hub } = this.#lab;
    const by = { origin: 'cli', id: '', name: 'test' } as const;
    const news = { discoKey: record.discoKey, endpoints: undefined, capver: 130 };
    switch (event) {
      case 'connect': {
        const sink = new FakeSink();
        this.#sinks.push(sink);
        const { nodeKey, discoKey } = record;
        const request = {
          nodeId: this.#id,
          nodeKey,
          discoKey,
          capver: 130,
          isCompressed: false,
          wantsKeepAlive: true,
        };
        await hub.open({ ...request, sink }, { ...news, hostinfo: undefined }, undefined);
        return;
      }
      case 'hang up':
        this.#sinks.findLast(({ state }) => state === 'open')?.end();
        return;
      case 'expire':
        return expireNode(network, record, clock.now(), by);
      case 'renew':
        return setExpiry(network, record, undefined, by);
      case 'disable':
        await setAdmittance(network, record, 'disabled', by);
        return;
      case 'approve':
        await setAdmittance(network, record, 'enabled', by);
        return;
      case 'routes':
        return hub.update(this.#id, { ...news, hostinfo: hostinfo.parse({ RoutableIPs: ['10.0.0.0/8'] }) });
      case 'delete':
        return removeNode(network, record, by);
      default:
        event satisfies never;
    }
  }

  /** A stream, or one so short ago that the machine may only be changing networks. */
  #isOnlineByReason(): boolean {
    if (this.#record === undefined) return false;
    if (this.#hasStream) return true;
    return this.#goneAt !== undefined && this.#lab.clock.now() - this.#goneAt < GRACE_MS;
  }

  /** What everybody is shown. */
  get isShownOnline(): boolean {
    const view = this.#lab.network.node(this.#id);
    return view?.isOnline === true && !isExpired(view.record, this.#lab.clock.now());
  }

  async leave(): Promise<void> {
    for (const sink of this.#sinks) if (sink.state === 'open') sink.end();
    if (this.#record !== undefined) await removeNode(this.#lab.network, this.#record);
  }
}

let lab: Lab;
beforeAll(async () => {
  const clock = new FakeClock();
  // Nothing here is about the disk, and thousands of machines go through it.
  const store = { ...(await openMemoryStore(0)), commit: async () => undefined };
  const network = await Network.open({ store, clock, log: silent, defer: (fn) => queueMicrotask(fn) });
  await network.save({ writes: [{ put: 'user', value: sampleUser }] });
  lab = new Lab(network, clock);
});

const orders = (length: number): readonly (readonly Event[])[] =>
  length === 0 ? [[]] : orders(length - 1).flatMap((rest) => EVENTS.map((event) => [...rest, event]));

describe('a machine is online while it has a stream, and a grace after', () => {
  test.each(EVENTS)('whatever two things follow after it connects and: %s', async (first) => {
    for (const rest of orders(2)) {
      const machine = await lab.machine();
      for (const event of ['connect', first, ...rest] as const) await machine.happen(event);
      await machine.leave();
    }
  });
});

test('one whose key ends is shown offline at once, and online again when it is renewed', async () => {
  const machine = await lab.machine();
  await machine.happen('connect');
  expect(machine.isShownOnline).toBe(true);
  await machine.happen('expire');
  expect(machine.isShownOnline).toBe(false);
  await machine.happen('renew');
  expect(machine.isShownOnline).toBe(true);
  await machine.leave();
});

test('an older stream that ends late takes nothing away from the newer one', async () => {
  const machine = await lab.machine();
  for (const event of ['connect', 'connect', 'connect', 'wait', 'wait', 'wait'] as const)
    await machine.happen(event);
  expect(machine.isShownOnline).toBe(true);
  for (const event of ['hang up', 'wait', 'wait'] as const) await machine.happen(event);
  expect(machine.isShownOnline).toBe(false);
  await machine.leave();
});

test('after a restart nobody is online before coming back', async () => {
  const machine = await lab.machine();
  await machine.happen('connect');
  lab.restart();
  expect(machine.isShownOnline).toBe(false);
  await machine.happen('connect');
  expect(machine.isShownOnline).toBe(true);
  await machine.leave();
});
