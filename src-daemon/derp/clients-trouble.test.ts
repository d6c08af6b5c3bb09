/** The relay client in trouble: relays that are away, refuse, restart, talk nonsense or fall silent. */
import { expect, test } from 'vitest';
import { utf8 } from '#shared/bytes/bytes.ts';
import { encodeFrame, FrameType } from '#shared/derp/frames.ts';
import * as m from '#shared/derp/messages.ts';
import { keyBytes } from '#shared/key/key.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { hello, PEER, setUp } from './testing/rig.ts';

test('a relay that is away is tried again and again, more and more slowly', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.down = 'connection refused';
  clients.setHome(1);
  await clock.advance(1_000);
  expect(state()).toMatchObject({ state: 'waiting', lastError: 'dial relay: connection refused' });
  const early = relay.requests.length;
  await clock.advance(60_000);
  expect(relay.requests.length - early).toBeLessThan(30);
  expect(state()?.failures).toBeGreaterThan(20);
  relay.mood.down = undefined;
  await clock.advance(5_100);
  expect(state()).toMatchObject({ state: 'connected', lastError: undefined, failures: 0 });
});

test('a relay that is gone was not heard lately: nobody should stay with it for that', async () => {
  const { clock, relay, clients } = setUp();
  clients.setHome(1);
  await clock.advance(1_000);
  expect(clients.heardAtMs(1)).toBeGreaterThanOrEqual(0);
  relay.mood.down = 'connection refused';
  relay.latest.hangUp();
  await clock.advance(1_000);
  expect(clients.heardAtMs(1)).toBeUndefined();
});

test('what waited too long for a relay is not sent any more', async () => {
  const { clock, relay, clients } = setUp();
  relay.mood.down = 'connection refused';
  clients.send(1, PEER, utf8('old'));
  await clock.advance(20_000);
  relay.mood.down = undefined;
  clients.send(1, PEER, utf8('new'));
  await clock.advance(10_000);
  expect([relay.latest.packets, clients.counters().dropped.stale]).toEqual([['new'], 1]);
});

test('another network ends the waiting', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.down = 'network is unreachable';
  clients.setHome(1);
  await clock.advance(60_000);
  relay.mood.down = undefined;
  clients.networkChanged();
  await clock.advance(50);
  expect(state()?.state).toBe('connected');
});

test('the whole of connecting has ten seconds', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.dialMs = 11_000;
  clients.setHome(1);
  await clock.advance(9_999);
  expect(state()?.state).toBe('dialing');
  await clock.advance(1);
  expect(state()).toMatchObject({ state: 'waiting', lastError: 'timed out' });
  relay.mood.dialMs = 0;
  relay.mood.isFrozen = true;
  await clock.advance(10);
  expect(state()?.state).toBe('dialing');
  await clock.advance(10_000);
  expect(state()).toMatchObject({ state: 'waiting', failures: 2 });
  expect(relay.open).toHaveLength(0);
});

test('a relay that does not take us is told apart', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.refuses = true;
  clients.setHome(1);
  await clock.advance(100);
  expect(state()?.lastError).toBe('the relay closed the connection before it admitted us');
  expect(relay.latest.isAdmitted).toBe(false);
});

test('a node that accepts and then fails lets the others of its region go first', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.refuses = true;
  clients.setHome(1);
  await clock.advance(60);
  relay.mood.refuses = false;
  await clock.advance(60);
  expect(state()).toMatchObject({ state: 'connected', node: '1b', isIdealNode: false });
  expect(relay.latest.request).toContain('Ideal-Node: 1a');
  relay.latest.hangUp();
  await clock.advance(1_000);
  expect(state()).toMatchObject({ state: 'connected', node: '1a' });
});

test.each<[string, Uint8Array, string]>([
  [
    'garbage',
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff),
    'relay frame 0xff has 4294967295 bytes, above 1048576',
  ],
  [
    'a frame that is too long',
    encodeFrame(5, new Uint8Array(1_048_577)),
    'relay frame 0x5 has 1048577 bytes, above 1048576',
  ],
  [
    'server info that is not sealed for us',
    encodeFrame(3, new Uint8Array(60)),
    'its server info is malformed',
  ],
])('%s ends the connection, which comes back', async (_, bytes, why) => {
  const { clock, relay, clients, state, states } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.send(bytes);
  await clock.advance(10);
  expect(states.some((s) => s.state === 'waiting' && s.lastError === why)).toBe(true);
  await clock.advance(1_000);
  expect(state()?.state).toBe('connected');
});

test('short frames, unknown types and the greeting after a fast start are passed over', async () => {
  const { clock, relay, clients, state, got, gone } = setUp({ hasMeta: true });
  clients.setHome(1);
  await clock.advance(100);
  for (const type of [1, 5, 8, 9, 0x12, 0x13, 0x15, 0x77])
    relay.latest.send(encodeFrame(type, new Uint8Array(5)));
  relay.latest.send(m.encodeServerKey(relay.identity.publicRaw));
  relay.latest.send(m.encodeRecvPacket(keyBytes(PEER), hello));
  await clock.advance(10);
  expect([state()?.state, got.length, gone.length]).toEqual(['connected', 1, 0]);
});

test('a pong that nobody asked for proves no round trip', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.answersPings = false;
  clients.setHome(1);
  await clock.advance(100);
  const [ping] = relay.latest.ofType(FrameType.Ping);
  relay.latest.send(m.encodePong(utf8('12345678')));
  await clock.advance(10);
  expect(state()?.latencyMs).toBeUndefined();
  relay.latest.send(m.encodePong(ping ?? utf8('none')));
  await clock.advance(10);
  expect(state()?.latencyMs).toBeGreaterThan(0);
});

test('a connection that died in silence is noticed within eleven seconds of its use', async () => {
  const { clock, relay, clients, states } = setUp();
  clients.setHome(1);
  await clock.advance(30_000);
  relay.mood.isFrozen = true;
  await clock.advance(1_000);
  clients.send(1, PEER, hello);
  await clock.advance(11_000);
  expect(states.find((s) => s.lastError !== undefined)?.lastError).toBe('the relay did not answer a ping');
});

test('a full buffer that moves is as good as an answer', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(1_000);
  const link = relay.latest;
  relay.mood.answersPings = false;
  for (let i = 0; i < 20; i++) {
    link.isStuck = true;
    for (let n = 0; n < 60; n++) clients.send(1, PEER, new Uint8Array(1_400));
    await clock.advance(2_000);
    link.unstick();
  }
  expect([state()?.state, relay.links.length]).toEqual(['connected', 1]);
  clients.send(1, PEER, hello);
  await clock.advance(11_000);
  expect(relay.links).toHaveLength(2);
});

test('a connection that dies in the middle of a frame comes back, and begins with a whole one', async () => {
  const { clock, relay, clients, got, state } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.send(m.encodeRecvPacket(keyBytes(PEER), hello).subarray(0, 38));
  relay.latest.hangUp('connection reset');
  await clock.advance(10);
  expect(state()).toMatchObject({ state: 'waiting', lastError: 'connection reset' });
  await clock.advance(1_000);
  relay.latest.send(m.encodeRecvPacket(keyBytes(PEER), hello));
  await clock.advance(10);
  expect(got).toHaveLength(1);
});

test('each change of state is told once', async () => {
  const { clock, relay, clients, states } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.hangUp();
  await clock.advance(100);
  await clients[Symbol.asyncDispose]();
  const seen = states.map((s) => s.state).filter((kind, i, all) => kind !== all[i - 1]);
  expect(seen).toEqual(['dialing', 'connected', 'waiting', 'dialing', 'connected', 'idle']);
  expect(states.length).toBeLessThanOrEqual(seen.length + 1);
});

test('after a change of network a connection must answer within three seconds', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  clients.networkChanged();
  await clock.advance(4_000);
  expect([state()?.state, relay.links.length]).toEqual(['connected', 1]);
  relay.mood.isFrozen = true;
  clients.networkChanged();
  await clock.advance(2_990);
  expect(relay.open).toHaveLength(1);
  relay.mood.isFrozen = false;
  await clock.advance(100);
  expect([state()?.state, relay.links.length]).toEqual(['connected', 2]);
});

test('a connection from an address that is no longer ours is made anew at once', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  clients.send(2, PEER, hello);
  await clock.advance(61_000);
  relay.mood.localIp = '198.51.100.2';
  clients.networkChanged((ip) => ip === '198.51.100.2');
  await clock.advance(100);
  expect(state()).toMatchObject({ state: 'connected', localIp: '198.51.100.2' });
  // Nobody wants the other any more.
  expect(state(2)?.state).toBe('idle');
});

test('an announced restart is waited for as the relay asks, then followed quickly', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(20_000);
  relay.latest.send(m.encodeRestarting({ reconnectInMs: 3_000, tryForMs: 5_000 }));
  relay.latest.hangUp();
  relay.mood.down = 'connection refused';
  await clock.advance(2_900);
  expect(state()).toMatchObject({ state: 'waiting', lastError: 'the relay is restarting', failures: 0 });
  expect(relay.requests).toHaveLength(1);
  await clock.advance(3_000);
  expect(relay.requests.length).toBeGreaterThan(8);
  relay.mood.down = undefined;
  await clock.advance(400);
  expect(state()?.state).toBe('connected');
});

test('a relay that announces its restart and stays is left at the announced time', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(20_000);
  relay.latest.send(m.encodeRestarting({ reconnectInMs: 4_000_000_000, tryForMs: 0 }));
  await clock.advance(59_000);
  expect(relay.links).toHaveLength(1);
  await clock.advance(2_000);
  expect([state()?.state, relay.links.length]).toEqual(['connected', 2]);
});

test('what the relay says about the connection is there until it takes it back', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.send(m.encodeHealth('two machines use this key'));
  await clock.advance(10);
  expect(state()?.problem).toBe('two machines use this key');
  relay.latest.send(m.encodeHealth(''));
  await clock.advance(10);
  expect(state()?.problem).toBeUndefined();
});

/** Asleep, or held up: time passes and no timer runs. */
class SleepyClock extends FakeClock {
  asleepMs = 0;
  override monotonic(): number {
    return super.monotonic() + this.asleepMs;
  }
}

test('a process that was held up does not take its own delay for the silence of the relay', async () => {
  const clock = new SleepyClock();
  // The timer of three seconds runs just before the answer is read, as it does after a stall.
  const { relay, clients, state } = setUp({ clock, hasMeta: true, latencyMs: 1_600 });
  clients.setHome(1);
  await clock.advance(10_000);
  const link = relay.latest;
  for (const asleepMs of [6_000, 30_000, 90_000]) {
    clients.networkChanged();
    clock.asleepMs += asleepMs;
    await clock.advance(5_000);
    expect([state()?.state, relay.latest === link]).toEqual(['connected', true]);
  }
  // Longer than any relay is silent, and this one still is.
  relay.mood.isFrozen = true;
  clock.asleepMs += 600_000;
  await clock.advance(71_000);
  expect(link.isClosed).toBe(true);
});

test('a wall clock that jumps changes nothing, a long sleep ends the connection', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  clock.stepWall(-86_400_000);
  await clock.advance(1_000);
  expect([state()?.state, relay.links.length]).toEqual(['connected', 1]);
  relay.mood.isFrozen = true;
  await clock.advance(75_100);
  expect(relay.open.length).toBeLessThanOrEqual(1);
  relay.mood.isFrozen = false;
  await clock.advance(20_000);
  expect(state()?.state).toBe('connected');
  expect(relay.links.length).toBeGreaterThan(1);
});

test('a relay that keeps changing its mind about our health is heard once a second', async () => {
  const { clock, relay, clients, states, state } = setUp();
  clients.setHome(1);
  await clock.advance(2_000);
  const before = states.length;
  for (let i = 0; i < 500; i++) relay.latest.send(m.encodeHealth(i % 2 === 0 ? 'two of you' : ''));
  relay.latest.send(m.encodeHealth('still two'));
  await clock.advance(5_000);
  expect(state()?.problem).toBe('still two');
  expect(states.at(-1)?.problem).toBe('still two');
  expect(states.length - before).toBe(2);
  await clients[Symbol.asyncDispose]();
  expect(clock.pending).toBe(0);
});

test('a relay that asks and does not read gets no more answers than fit', async () => {
  const { clock, relay, clients } = setUp();
  clients.setHome(1);
  await clock.advance(1_000);
  const link = relay.latest;
  link.isStuck = true;
  const pings = new Uint8Array(13 * 1_000);
  for (let i = 0; i < 1_000; i++) pings.set(m.encodePing(new Uint8Array(8)), i * 13);
  for (let i = 0; i < 50; i++) link.send(pings);
  await clock.advance(100);
  expect(link.bufferedBytes).toBeLessThan(300_000);
});
