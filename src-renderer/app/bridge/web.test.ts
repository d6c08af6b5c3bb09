/** The page's own line to the daemon: who it says it is, calls and their answers, and coming back. */
import { describe, expect, test } from 'vitest';
import { fakeClock } from '../testing/fake-clock.ts';
import type { Line } from './host.ts';
import { webHost } from './web.ts';

/** A socket that really queues: what is sent is kept, what is heard comes from the test. */
class FakeSocket extends EventTarget {
  readonly sent: unknown[] = [];
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.dispatchEvent(new Event('close'));
  }
  opened(): void {
    this.dispatchEvent(new Event('open'));
  }
  hear(frame: unknown): void {
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(frame) }));
  }
}

function connected({ token, key }: { readonly token?: string; readonly key?: string } = {}) {
  const clock = fakeClock();
  const sockets: FakeSocket[] = [];
  let saved = key;
  const host = webHost({
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    now: clock.now,
    after: clock.after,
    token,
    saved: {
      get: () => saved,
      set: (next) => {
        saved = next;
      },
    },
  });
  const lines: Line['kind'][] = [];
  host.onLine(({ kind }) => lines.push(kind));
  const last = (): FakeSocket => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error('no socket');
    return socket;
  };
  const welcome = (): void => {
    last().opened();
    last().hear({ welcome: { key: 'k1', host: { can: [], platform: 'linux', version: '1' } } });
  };
  return { clock, sockets, bridge: host.bridge, lines, last, welcome, saved: () => saved };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('who the page is', () => {
  test('the token of the link is exchanged for a key, which serves from then on', () => {
    const it = connected({ token: 'once' });
    it.welcome();
    expect(it.last().sent).toEqual([{ hello: { token: 'once' } }]);
    expect(it.saved()).toBe('k1');
    it.last().close();
    it.clock.pass(0);
    it.last().opened();
    expect(it.last().sent).toEqual([{ hello: { key: 'k1' } }]);
  });
  test('a page that is refused does not try again', () => {
    const it = connected();
    it.last().opened();
    it.last().hear({ refused: true });
    it.clock.pass(60_000);
    expect(it.sockets).toHaveLength(1);
    expect(it.lines.at(-1)).toBe('refused');
  });
});

describe('calls', () => {
  test('wait for the welcome, and are answered by their number', async () => {
    const it = connected();
    const asked = it.bridge.call('exitNode.suggest', undefined);
    it.welcome();
    await settle();
    expect(it.last().sent.at(-1)).toEqual({ id: 1, name: 'exitNode.suggest' });
    it.last().hear({ id: 1, reply: { ok: true, value: { id: 'n', name: 'harbour' } } });
    expect(await asked).toEqual({ id: 'n', name: 'harbour' });
  });
  test('fail with the code of the daemon', async () => {
    const it = connected();
    it.welcome();
    const asked = it.bridge.call('logout', undefined);
    it.last().hear({ id: 1, reply: { ok: false, code: 'not-allowed', message: 'no' } });
    await expect(asked).rejects.toMatchObject({ code: 'not-allowed', message: 'no' });
  });
  test('end when the line is lost', async () => {
    const it = connected();
    it.welcome();
    const asked = it.bridge.call('logout', undefined);
    it.last().close();
    await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
  });
  test('what is no frame is passed over', () => {
    const it = connected();
    it.welcome();
    it.last().hear(7);
    it.last().hear({ id: 99, reply: { ok: true } });
    it.last().dispatchEvent(new MessageEvent('message', { data: '{' }));
    expect(it.lines.at(-1)).toBe('open');
  });
});

test('waits longer from attempt to attempt, and begins anew after a welcome', () => {
  const it = connected();
  it.welcome();
  it.last().close();
  it.clock.pass(0);
  expect(it.sockets).toHaveLength(2);
  it.last().close();
  it.clock.pass(249);
  expect(it.sockets).toHaveLength(2);
  it.clock.pass(1);
  expect(it.sockets).toHaveLength(3);
  it.welcome();
  it.last().close();
  it.clock.pass(0);
  expect(it.sockets).toHaveLength(4);
});
