/** Which certificates of a relay are good, and what its meta certificate tells. */
import { expect, test } from 'vitest';
import { toHex } from '../../bytes/hex.ts';
import type { DerpNode } from '../../wire/map.ts';
import { checkPin, metaKey, type Presented, trustOf } from './trust.ts';

const PIN = 'ab'.repeat(32);
const KEY = '11'.repeat(32);
const NOW = 1_700_000_000_000;

const certificate = (change: Partial<Presented> = {}): Presented => ({
  commonName: 'relay.example',
  serial: '1f',
  sha256: PIN,
  validFromMs: NOW - 1,
  validToMs: NOW + 1,
  isFor: (name) => name === 'relay.example',
  ...change,
});
const meta = (change: Partial<Presented> = {}): Presented =>
  certificate({ commonName: `derpkey${KEY}`, serial: '02', sha256: 'cd'.repeat(32), ...change });
const node = (change: Partial<DerpNode>): DerpNode =>
  ({ Name: '1a', RegionID: 1, HostName: 'relay.example', ...change }) as DerpNode;

test.each([
  ['its own name', {}, { kind: 'name', name: 'relay.example' }],
  ['another name', { CertName: 'front.example' }, { kind: 'name', name: 'front.example' }],
  ['a pin', { CertName: `sha256-raw:${PIN.toUpperCase()}` }, { kind: 'pin', sha256: PIN }],
  ['a malformed pin', { CertName: 'sha256-raw:abcd' }, { kind: 'nothing' }],
  ['anything', { InsecureForTests: true }, { kind: 'anything' }],
  [
    'anything at an address',
    { InsecureForTests: true, HostName: '::1', CertName: 'x' },
    { kind: 'anything' },
  ],
  ['a name in a test', { InsecureForTests: true, CertName: 'x' }, { kind: 'name', name: 'x' }],
  ['a pin in a test', { InsecureForTests: true, CertName: `sha256-raw:${PIN}` }, { kind: 'pin' }],
])('a node can want %s', (_, change, wanted) => expect(trustOf(node(change))).toMatchObject(wanted));

test.each<[string, readonly Presented[], string | undefined]>([
  ['the pinned one', [certificate()], undefined],
  ['the pinned one and the meta certificate', [certificate(), meta()], undefined],
  ['nothing', [], 'it presented no certificate'],
  ['another', [certificate({ sha256: KEY })], 'its certificate is not the one that the relay map pins'],
  ['one more', [certificate(), certificate()], 'it presented more certificates than the pinned one'],
  // Only the first proves that the relay has its key: a copy of the pinned one behind another proves nothing.
  ['the pinned one behind a meta certificate', [meta(), certificate()], 'it presented no certificate'],
  ['one for another name', [certificate({ isFor: () => false })], 'its certificate is for another name'],
  ['an expired one', [certificate({ validToMs: NOW - 1 })], 'its certificate has expired'],
  [
    'one of the future',
    [certificate({ validFromMs: NOW + 1 })],
    'its certificate is not valid yet; is the clock right?',
  ],
])('with a pin, %s', (_, presented, wanted) => {
  expect(checkPin(presented, PIN, 'relay.example', NOW)).toBe(wanted);
});

test('the name does not matter for a relay that is known by its address', () => {
  expect(checkPin([certificate({ isFor: () => false })], PIN, undefined, NOW)).toBeUndefined();
});

test('the meta certificate may stand anywhere and must be well formed', () => {
  const key = (...presented: Presented[]): string | undefined => {
    const raw = metaKey(presented);
    return raw && toHex(raw);
  };
  expect(key(certificate(), certificate(), meta())).toBe(KEY);
  expect(key(certificate())).toBeUndefined();
  expect(key(meta({ commonName: `derpkey${KEY}00` }))).toBeUndefined();
  expect(key(meta({ commonName: 'derpkeyzz' }))).toBeUndefined();
  expect(key(meta({ serial: '0102' }))).toBeUndefined();
  expect(key(meta({ serial: '00' }))).toBeUndefined();
  expect(key(meta({ serial: '00ff' }))).toBe(KEY);
  expect(key(meta({ serial: '0102' }), meta())).toBe(KEY);
});
