/** Whatever a page sends, the dispatcher answers, and only what is allowed reaches a handler. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RhumbError } from '../errors.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { NO_SNAPSHOT } from '../ui-state/empty.ts';
import { calls } from './contract.ts';
import { type Caller, Dispatcher, type Handlers } from './dispatch.ts';
import { reply } from './values.ts';

const NAMES = Object.keys(calls);

function setUp(handlers: Partial<Handlers> = {}, rights: 'manage' | 'readonly' = 'manage') {
  const clock = new FakeClock();
  const faults: string[] = [];
  const gone = new AbortController();
  const caller: Caller = { id: 'page', rights, signal: gone.signal, emit: () => undefined };
  const dispatcher = new Dispatcher(handlers, clock, (call, error) =>
    faults.push(`${call}: ${String(error)}`),
  );
  return {
    clock,
    faults,
    gone,
    caller,
    run: (name: unknown, arg?: unknown) => dispatcher.run(name, arg, caller),
  };
}

const PING = { id: 'n1', kind: 'disco', count: 1 };

test('a call gets its parsed argument and gives its parsed result', async () => {
  const { run } = setUp({
    'device.ping': ({ id, count }) => ({ operation: `${id}-${count}`, secret: 'x' }) as { operation: string },
  });
  expect(await run('device.ping', PING)).toEqual({ ok: true, value: { operation: 'n1-1' } });
});

test.each([
  '__proto__',
  'constructor',
  'toString',
  '',
  'nothing.there',
  7,
  null,
  undefined,
  {},
  ['state.get'],
])('there is no call %j', async (name) => {
  expect(await setUp().run(name)).toMatchObject({ ok: false, code: 'bad-argument' });
});

test('a call that this host has no handler for is not possible', async () => {
  expect(await setUp().run('window.hide')).toMatchObject({ ok: false, code: 'unavailable' });
});

test('who may only look reaches no handler of a call that changes something', async () => {
  let reached = '';
  const handlers = Object.fromEntries(
    NAMES.map((name) => [
      name,
      () => {
        reached = name;
        throw new RhumbError('conflict', 'reached');
      },
    ]),
  ) as unknown as Handlers;
  for (const [name, { access }] of Object.entries(calls)) {
    const { run } = setUp(handlers, 'readonly');
    reached = '';
    const answer = await run(name, {});
    if (access === 'manage') {
      expect(answer, name).toMatchObject({ ok: false, code: 'not-allowed' });
      expect(reached).toBe('');
    }
  }
});

test('what is not for a caller is refused until he manages', async () => {
  const dispatcher = new Dispatcher({ 'exitNode.suggest': () => ({ id: 'n', name: 'x' }) }, new FakeClock());
  let rights: 'manage' | 'readonly' = 'readonly';
  const caller: Caller = {
    id: 'page',
    get rights() {
      return rights;
    },
    refuses: new Set(['exitNode.suggest'] as const),
    signal: new AbortController().signal,
    emit: () => undefined,
  };
  expect(await dispatcher.run('exitNode.suggest', undefined, caller)).toMatchObject({ code: 'not-allowed' });
  rights = 'manage';
  expect(await dispatcher.run('exitNode.suggest', undefined, caller)).toMatchObject({ ok: true });
});

test('pages of one visitor have one budget, and what is dear costs more of it', async () => {
  const clock = new FakeClock();
  const dispatcher = new Dispatcher(
    { 'state.get': () => ({ seq: 1, snapshot: NO_SNAPSHOT }), logout: () => undefined },
    clock,
  );
  const page = (id: string): Caller => ({
    id,
    rights: 'manage',
    signal: new AbortController().signal,
    emit: () => undefined,
  });
  const [one, two] = [page('uid 0'), page('uid 0')];
  for (let i = 0; i < 5; i++)
    expect(await dispatcher.run('state.get', undefined, i % 2 === 0 ? one : two)).toMatchObject({ ok: true });
  expect(await dispatcher.run('logout', undefined, two)).toMatchObject({ code: 'unavailable' });
  expect(await dispatcher.run('logout', undefined, page('uid 1'))).toMatchObject({ ok: true });
  await clock.advance(1_000);
  expect(await dispatcher.run('logout', undefined, two)).toMatchObject({ ok: true });
});

test.each([
  ['state.get', undefined],
  ['netcheck.run', undefined],
  ['log.tail', { follow: false }],
  ['report.build', { mask: true }],
] as const)('of %s, which is dear, nobody gets many in a second', async (name, arg) => {
  const { run } = setUp({ [name]: () => [] });
  for (let i = 0; i < 5; i++) await run(name, arg);
  expect(await run('logout')).toMatchObject({ message: 'too many calls; slow down' });
});

test('rights count as they are at the time of the call', async () => {
  let rights: 'manage' | 'readonly' = 'readonly';
  const dispatcher = new Dispatcher({ logout: () => undefined }, new FakeClock());
  const caller: Caller = {
    id: 'page',
    get rights() {
      return rights;
    },
    signal: new AbortController().signal,
    emit: () => undefined,
  };
  expect(await dispatcher.run('logout', undefined, caller)).toMatchObject({ code: 'not-allowed' });
  rights = 'manage';
  expect(await dispatcher.run('logout', undefined, caller)).toMatchObject({ ok: true });
});

test('random arguments never throw past it and never reach a handler unparsed', async () => {
  const handlers = Object.fromEntries(
    NAMES.map((name) => [
      name,
      (arg: unknown) => {
        const again = calls[name as keyof typeof calls].arg.safeParse(arg);
        if (!again.success) throw new Error(`${name} got what does not parse`);
        throw new RhumbError('conflict', 'reached');
      },
    ]),
  ) as unknown as Handlers;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...NAMES), fc.jsonValue(), async (name, arg) => {
      const { run, faults } = setUp(handlers);
      const answer = await run(name, arg);
      expect(reply.safeParse(answer).success).toBe(true);
      expect(faults).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('huge arguments are refused', async () => {
  const { run } = setUp({ 'device.ping': () => ({ operation: 'x' }), 'gui.edit': () => ({}) as never });
  const huge = 'x'.repeat(1_000_000);
  expect(await run('device.ping', { ...PING, id: huge })).toMatchObject({ code: 'bad-argument' });
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`k${i}`, true]));
  expect(await run('gui.edit', { notifications: many })).toMatchObject({ code: 'bad-argument' });
  expect(await run('device.ping', { ...PING, more: 1 })).toMatchObject({ code: 'bad-argument' });
});

test('an error of ours keeps its code and words; a mistake shows neither words nor stack, and is told', async () => {
  const fails = (error: unknown) =>
    setUp({
      logout: () => {
        throw error;
      },
    });
  expect(await fails(new RhumbError('conflict', 'no')).run('logout')).toEqual({
    ok: false,
    code: 'conflict',
    message: 'no',
  });
  const bug = fails(new TypeError('/secret/path is undefined'));
  const answer = await bug.run('logout');
  expect(answer).toMatchObject({ ok: false, code: 'internal' });
  expect(JSON.stringify(answer)).not.toContain('secret');
  expect(bug.faults).toEqual(['logout: TypeError: /secret/path is undefined']);
  const long = await fails(new RhumbError('conflict', 'x'.repeat(100_000))).run('logout');
  expect(reply.safeParse(long).success).toBe(true);
});

test('a result that is not what was promised is a mistake of ours', async () => {
  const wrong = setUp({ 'exitNode.suggest': () => ({ id: 7 }) as never });
  expect(await wrong.run('exitNode.suggest')).toMatchObject({ ok: false, code: 'internal' });
  expect(wrong.faults).toHaveLength(1);
});

test('a call that hangs ends with its time, and its handler is told', async () => {
  let told: unknown;
  const { run, clock } = setUp({
    'exitNode.suggest': (_arg, { signal }) =>
      new Promise(() => signal.addEventListener('abort', () => (told = signal.reason))),
  });
  const answer = run('exitNode.suggest');
  await clock.advance(10_000);
  expect(await answer).toMatchObject({ ok: false, code: 'timeout' });
  expect(told).toBeInstanceOf(RhumbError);
  expect(clock.pending).toBe(0);
});

test('a call of a page that goes is cancelled', async () => {
  const { run, gone, clock } = setUp({ 'exitNode.suggest': () => new Promise(() => undefined) });
  const answer = run('exitNode.suggest');
  gone.abort();
  expect(await answer).toMatchObject({ ok: false, code: 'cancelled' });
  expect(clock.pending).toBe(0);
});

test('what shall be otherwise is carried out also when the page goes, within its time', async () => {
  let release = (): void => undefined;
  let ended: unknown;
  const handler = async (_arg: unknown, { signal }: { readonly signal: AbortSignal }): Promise<undefined> => {
    signal.addEventListener('abort', () => {
      ended ??= signal.reason;
    });
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    if (signal.aborted) throw signal.reason;
    return undefined;
  };
  const done = setUp({ 'exitNode.set': handler });
  const answer = done.run('exitNode.set', { id: '' });
  done.gone.abort();
  expect(ended).toBeUndefined();
  release();
  expect(await answer).toMatchObject({ ok: true });
  const late = setUp({ 'exitNode.set': handler });
  ended = undefined;
  const other = late.run('exitNode.set', { id: '' });
  late.gone.abort();
  await late.clock.advance(30_000);
  expect(await other).toMatchObject({ ok: false });
  expect(ended).toMatchObject({ code: 'timeout' });
  expect(late.clock.pending).toBe(0);
});

test('a call that is refused costs no more than any other, whatever it would do', async () => {
  const { run } = setUp({ 'log.tail': () => [] }, 'readonly');
  for (let i = 0; i < 50; i++)
    expect(await run('log.tail', { follow: false })).toMatchObject({ ok: false, code: 'not-allowed' });
  expect(await run('log.tail', { follow: false })).toMatchObject({ ok: false, code: 'unavailable' });
});

test('more than fifty calls in a second are refused, and the next second is a new one', async () => {
  const { run, clock } = setUp({ logout: () => undefined });
  const answers = await Promise.all(Array.from({ length: 51 }, () => run('logout')));
  expect(answers.filter(({ ok }) => ok)).toHaveLength(50);
  expect(answers.at(-1)).toMatchObject({ code: 'unavailable' });
  await clock.advance(1_000);
  expect(await run('logout')).toMatchObject({ ok: true });
});
