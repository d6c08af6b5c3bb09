/** The connection to a bus: calls and what becomes of them, signals, and buses that misbehave. */
import { expect, test } from 'vitest';
import { DBusConnection, must, socketPath } from './connection.ts';
import { openFakeBus } from './fake-bus.ts';
import { encodeMessage, MessageType } from './message.ts';
import { variant } from './values.ts';

const object = { destination: 'a.b', path: '/a', interface: 'a.b' };
const soon = (): AbortSignal => AbortSignal.timeout(5_000);

test.each([
  { text: undefined, path: '/run/dbus/system_bus_socket' },
  { text: 'unix:path=/a/b,guid=1', path: '/a/b' },
  { text: 'tcp:host=x,port=1;unix:abstract=/a%20b', path: '\0/a b' },
  { text: 'tcp:host=x', path: undefined },
  { text: '', path: undefined },
])('listens at $text: $path', ({ text, path }) => {
  expect(socketPath(text)).toBe(path);
});

test('tells answers, refusals and properties apart', async () => {
  await using bus = await openFakeBus((call) => {
    if (call.member === 'Get') return { signature: 'v', body: [variant('s', 'here')] };
    return call.member === 'Good'
      ? { signature: 'u', body: [7] }
      : { error: 'org.freedesktop.DBus.Error.UnknownMethod', text: 'no such method' };
  });
  await using connection = await DBusConnection.open({ addresses: bus.address }, soon());
  expect(await connection.call({ ...object, member: 'Good' }, soon())).toEqual({ ok: true, body: [7] });
  const refused = await connection.call({ ...object, member: 'Bad' }, soon());
  expect(refused).toEqual({
    ok: false,
    name: 'org.freedesktop.DBus.Error.UnknownMethod',
    message: 'no such method',
  });
  expect(() => must('Bad', refused)).toThrow('Bad: no such method');
  expect(await connection.property(object, 'X', soon())).toBe('here');
  expect(await connection.hasOwner('a.b', soon())).toBe(true);
});

test('gives up a call that nobody answers, and goes on', async () => {
  await using bus = await openFakeBus(({ member }) =>
    member === 'Never' ? 'silence' : { signature: '', body: [] },
  );
  await using connection = await DBusConnection.open({ addresses: bus.address }, soon());
  const giveUp = new AbortController();
  const call = connection.call({ ...object, member: 'Never' }, giveUp.signal);
  giveUp.abort();
  await expect(call).rejects.toThrow('a.b does not answer Never');
  expect(await connection.call({ ...object, member: 'Good' }, soon())).toEqual({ ok: true, body: [] });
});

test('hears who owns a name, from the bus alone', async () => {
  await using bus = await openFakeBus(() => ({ signature: '', body: [] }));
  await using connection = await DBusConnection.open({ addresses: bus.address }, soon());
  const heard: string[] = [];
  await connection.watchOwner('a.b', (owner) => void heard.push(owner), soon());
  bus.signal('NameOwnerChanged', 'sss', ['a.b', ':1.2', ':1.3'], 'x.liar');
  bus.signal('NameOwnerChanged', 'sss', ['other', ':1.2', ':1.4']);
  bus.signal('NameOwnerChanged', 'sss', ['a.b', ':1.2', '']);
  bus.signal('NameOwnerChanged', 'sss', ['a.b', '', ':1.5']);
  await connection.call({ ...object, member: 'After' }, soon());
  expect(heard).toEqual(['', ':1.5']);
});

test('answers whoever calls us that there is nothing here', async () => {
  await using bus = await openFakeBus(() => ({ signature: '', body: [] }));
  await using connection = await DBusConnection.open({ addresses: bus.address }, soon());
  bus.raw(
    encodeMessage({
      type: MessageType.call,
      serial: 9,
      path: '/x',
      member: 'Ping',
      sender: ':1.9',
      body: [],
    }),
  );
  expect(await connection.call({ ...object, member: 'Good' }, soon())).toEqual({ ok: true, body: [] });
});

test('ends what waits when the bus goes, and says so from then on', async () => {
  await using bus = await openFakeBus(() => 'silence');
  await using connection = await DBusConnection.open({ addresses: bus.address }, soon());
  const waiting = connection.call({ ...object, member: 'Never' }, soon());
  bus.drop();
  await expect(waiting).rejects.toThrow('the connection to the system bus is gone');
  await connection.ended;
  await expect(connection.call({ ...object, member: 'More' }, soon())).rejects.toThrow('is gone');
});

test('leaves a bus that sends nonsense', async () => {
  await using bus = await openFakeBus(() => 'silence');
  await using connection = await DBusConnection.open({ addresses: bus.address }, soon());
  bus.raw(Buffer.from('this is no message at all'));
  await connection.ended;
  expect(connection.isOpen).toBe(false);
});

test('says why it cannot come in', async () => {
  await using bus = await openFakeBus(() => 'silence', 'REJECTED EXTERNAL\r\n');
  await expect(DBusConnection.open({ addresses: bus.address }, soon())).rejects.toThrow(
    'sign in to the system bus: REJECTED EXTERNAL',
  );
  await expect(DBusConnection.open({ addresses: 'unix:path=/nowhere/bus' }, soon())).rejects.toThrow(
    /ENOENT/,
  );
});

test('does not wait for a bus beyond its limit', async () => {
  await using bus = await openFakeBus(() => 'silence', '');
  await expect(DBusConnection.open({ addresses: bus.address }, AbortSignal.timeout(50))).rejects.toThrow();
});
