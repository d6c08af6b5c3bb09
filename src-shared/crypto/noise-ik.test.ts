/** The control channel's handshake against the vectors of control-protocol.md §12.3. */
import { expect, test } from 'vitest';
import { concat, utf8 } from '../bytes/bytes.ts';
import { fromHex, toHex } from '../bytes/hex.ts';
import { prologue } from '../noise/messages.ts';
import { initiate, respond } from './noise-ik.ts';
import { SymmetricState } from './noise-symmetric.ts';
import { dh, importPrivate } from './x25519.ts';

const hex = (text: string): Uint8Array => {
  const bytes = fromHex(text.replaceAll(/\s/g, ''));
  if (bytes === undefined) throw new Error('bad hex in a test');
  return bytes;
};
const key = (text: string) => importPrivate(hex(text));

const machine = key('40ab1b58e9076c7a4d9d07291f5edf9d1aa017eb949624ba683317f48a640369');
const control = key('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e5f');
const clientEphemeral = key('202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e7f');
const serverEphemeral = key('404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f');
const INITIATION = hex(`0082010060
  358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254
  74503362482d3bf856c3cbdf18ce234af219fe728243e9bd51d5b73d0f8f864f848899110e7659ed369bab99037ea93a
  ed1421f121930a79c815bdf3fbad9d5d`);
const RESPONSE = hex(`020030 79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a
  b58a893c9506c0e5e3123a6585f927c6`);

const start = () =>
  initiate({ machine, controlPublic: control.publicRaw, version: 130, ephemeral: clientEphemeral });

test('every value of the handshake is that of the table', () => {
  const seen: Record<string, string> = {};
  const note = (name: string, value: Uint8Array | undefined) => {
    seen[name] = toHex(value ?? new Uint8Array(0));
  };
  const shared = (a: typeof machine, b: typeof machine) => {
    const secret = dh(a, b.publicRaw);
    if (secret === undefined) throw new Error('no secret');
    return secret;
  };
  note('initial', new SymmetricState(new Uint8Array(0)).chainingKey);
  note('prologue', prologue(130));
  const state = new SymmetricState(prologue(130));
  note('h prologue', state.hash);
  state.mixHash(control.publicRaw);
  note('h control', state.hash);
  state.mixHash(clientEphemeral.publicRaw);
  note('h ephemeral', state.hash);
  note('es', shared(clientEphemeral, control));
  state.mixKey(shared(control, clientEphemeral));
  note('ck es', state.chainingKey);
  note('k es', state.key);
  note('sealed', state.sealAndHash(machine.publicRaw));
  note('h sealed', state.hash);
  note('ss', shared(machine, control));
  state.mixKey(shared(control, machine));
  note('ck ss', state.chainingKey);
  note('k ss', state.key);
  note('tag', state.sealAndHash(new Uint8Array(0)));
  note('h tag', state.hash);
  state.mixHash(serverEphemeral.publicRaw);
  note('h server', state.hash);
  note('ee', shared(serverEphemeral, clientEphemeral));
  state.mixKey(shared(clientEphemeral, serverEphemeral));
  note('ck ee', state.chainingKey);
  note('se', shared(serverEphemeral, machine));
  state.mixKey(shared(machine, serverEphemeral));
  note('ck se', state.chainingKey);
  note('k se', state.key);
  note('tag 2', state.sealAndHash(new Uint8Array(0)));
  note('h final', state.hash);
  const [k1, k2] = state.split();
  note('k1', k1);
  note('k2', k2);
  expect(seen).toEqual({
    initial: 'bbea022b948cf3bc5857d70804229179e1116bc40cb8cc074835349c464bca36',
    prologue: '5461696c7363616c6520436f6e74726f6c2050726f746f636f6c2076313330',
    'h prologue': 'ddf32b89f0047f9724b0e3f6b5df5a6cf9015ff03967e9de0aaaea87ca63fe82',
    'h control': 'cc3bb5ae9e98381a58384fe7e0002eebc07e86f6f1f3985eab703d9cdeefa869',
    'h ephemeral': '0dfc94d82c8c06fcf106b7a5777d4ba08fc525b845385c38b51534a8cc274b27',
    es: '9663aa1da97e848a914a436d04163dfbb89178f107f1b5b77ed3854203382854',
    'ck es': 'c3d0edd08d93671ce92baee594cccecf2aea3ea20c1e0a62370d5664d3d8c295',
    'k es': '413270bab1b1bf973275093b7550bbdff57beb68a36aa3df168ea2a5e0277c98',
    sealed:
      '74503362482d3bf856c3cbdf18ce234af219fe728243e9bd51d5b73d0f8f864f848899110e7659ed369bab99037ea93a',
    'h sealed': '421974d3a55cfd90ac83a056da2266633ae6369569539971ab28d9efadca1399',
    ss: 'e4c9f380fc69db1188a5f43de4bac7aa8ea0cf8f8cf7d7439acce8ba1307891a',
    'ck ss': 'd1f4524255950eb5071cf7321e3c51bd0b8901095190f474660bb6e47b6c089e',
    'k ss': 'a60ca5eb1e380e767dac80c9aafd571cd7cf9c3e429dd8941937983097a08f9b',
    tag: 'ed1421f121930a79c815bdf3fbad9d5d',
    'h tag': '5f80347496c3d7cf701622c82f9ca555c779f82551c2c00ab7af092c33c5d5e5',
    'h server': 'cf372be1c7e09de634b0b8e6f3cd68a194c2c38f33d8403f4c5b391dc7daec59',
    ee: '04c304fb1ca83cee75e206344231f33797e07d9929db670994b7c6fbeb1dc255',
    'ck ee': 'cfb120d66b9741c8c17404bb106c0149f3e74271f5f2e60705e6ac9231a122f3',
    se: '8bf2152f1f22dba792e232d55bfd28a8e105d6fa8ef7c87d7c909699824b5250',
    'ck se': 'cba0903600cc0d5b8e47004192734dfb540f920f4fde65a6de1d2a6362a64a03',
    'k se': '3bf1b9b4643a4192b30ed9dc5c8933015566fac3abac9fca3b231188dcf05762',
    'tag 2': 'b58a893c9506c0e5e3123a6585f927c6',
    'h final': '5e78ced9a67efbe37f7da0822d9915bb94ce5522ec06264e89054638639a4637',
    k1: '03c80d9783314dd0fbe897489c70fcb488321df7716ce4c6c278273988a1975c',
    k2: 'b8cdd22c504fa60355ae905d8aa9ef7e878c485d30b6b8d758908467e04553a4',
  });
});

test('both sides make the messages and keys of the table', () => {
  const client = start();
  expect(toHex(client.message)).toBe(toHex(INITIATION));
  expect(Buffer.from(client.message).toString('base64')).toBe(
    'AIIBAGA1gHLWNliA0a7qMprfkSE4OFHtIaKOO3XpZdDSzRZiVHRQM2JILTv4VsPL3xjOI0ryGf5ygkPpvVHVtz0Pj4ZPhIiZEQ52We02m6uZA36pOu0UIfEhkwp5yBW98/utnV0=',
  );
  const server = respond(control, INITIATION, serverEphemeral);
  expect(server?.version).toBe(130);
  expect(toHex(server?.machinePublic ?? utf8(''))).toBe(toHex(machine.publicRaw));
  expect(toHex(server?.message ?? utf8(''))).toBe(toHex(RESPONSE));
  const keys = client.finish(RESPONSE);
  expect(keys?.send).toEqual(server?.keys.receive);
  expect(keys?.receive).toEqual(server?.keys.send);
  expect(keys?.binding).toEqual(server?.keys.binding);
  expect(toHex(keys?.send ?? utf8(''))).toBe(
    '03c80d9783314dd0fbe897489c70fcb488321df7716ce4c6c278273988a1975c',
  );
});

test('changing any one byte of the initiation, header included, fails the handshake', () => {
  for (let i = 0; i < INITIATION.length; i++) {
    const bad = INITIATION.slice();
    bad[i] = (bad[i] as number) ^ 0x20;
    const answer = respond(control, bad, serverEphemeral);
    // The highest bit of a Curve25519 point is ignored by the curve, but the hash binds it all the same.
    expect(answer === undefined || start().finish(answer.message) === undefined, `byte ${i}`).toBe(true);
  }
});

test('changing any one byte of the response fails the handshake', () => {
  for (let i = 0; i < RESPONSE.length; i++) {
    const bad = RESPONSE.slice();
    bad[i] = (bad[i] as number) ^ 0x80;
    expect(start().finish(bad), `byte ${i}`).toBeUndefined();
  }
});

test.each([0, 1, 50, 100])('an initiation cut to %i bytes or grown by one is refused', (length) => {
  expect(respond(control, INITIATION.slice(0, length))).toBeUndefined();
  expect(respond(control, concat(INITIATION, Uint8Array.of(0)))).toBeUndefined();
});

test('a handshake state answers once', () => {
  const client = start();
  expect(client.finish(RESPONSE)).toBeDefined();
  expect(client.finish(RESPONSE)).toBeUndefined();
});

test('nothing repeats between two handshakes with equal static keys', () => {
  const run = () => {
    const client = initiate({ machine, controlPublic: control.publicRaw, version: 130 });
    const server = respond(control, client.message);
    const keys = server && client.finish(server.message);
    return [client.message, server?.message, keys?.send, keys?.receive, keys?.binding].map((part) =>
      toHex(part?.subarray(-32) ?? utf8('')),
    );
  };
  const [one, two] = [run(), run()];
  for (let i = 0; i < one.length; i++) expect(one[i]).not.toBe(two[i]);
  expect(new Set(one).size).toBe(5);
});

test('low-order points and an all-zero server key end the handshake', () => {
  const zero = new Uint8Array(32);
  expect(() => initiate({ machine, controlPublic: zero, version: 130 })).toThrow('no Noise key');
  const one = zero.slice();
  one[0] = 1;
  expect(() => initiate({ machine, controlPublic: one, version: 130 })).toThrow('useless Noise key');
  const bad = INITIATION.slice();
  bad.set(zero, 5);
  expect(respond(control, bad)).toBeUndefined();
  const response = RESPONSE.slice();
  response.set(one, 3);
  expect(start().finish(response)).toBeUndefined();
});

test('another server key cannot open the initiation', () => {
  expect(respond(serverEphemeral, INITIATION)).toBeUndefined();
});
