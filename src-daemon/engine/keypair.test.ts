/** Counter limits of a keypair, which no test can reach by sending (data-plane.md §1.1). */
import { expect, test } from 'vitest';
import { TransportKeypair } from './keypair.ts';
import { PeerState } from './peer.ts';

const KEY = new Uint8Array(32).fill(3);

const keypair = (high: number, low: number): TransportKeypair => {
  const peer = new PeerState({ id: 1, publicKey: KEY, wireguardOnly: false, jailed: false });
  const made = new TransportKeypair(peer, {
    peer: 1,
    role: 'initiator',
    localIndex: 1,
    remoteIndex: 2,
    sendKey: KEY,
    receiveKey: KEY,
    createdMs: 0,
  });
  made.sendHigh = high;
  made.sendLow = low;
  return made;
};

test.each([
  { name: 'fresh', high: 0, low: 0, maySend: true, isWornOut: false },
  { name: 'at 2^60', high: 0x1000_0000, low: 0, maySend: true, isWornOut: false },
  { name: 'one above 2^60', high: 0x1000_0000, low: 1, maySend: true, isWornOut: true },
  { name: 'at the last counter', high: 0xffff_ffff, low: 0xffff_dffe, maySend: true, isWornOut: true },
  { name: 'at the limit', high: 0xffff_ffff, low: 0xffff_dfff, maySend: false, isWornOut: true },
])(
  'a keypair $name may send: $maySend, asks for another: $isWornOut',
  ({ high, low, maySend, isWornOut }) => {
    const pair = keypair(high, low);
    expect(pair.maySend(1)).toBe(maySend);
    expect(pair.isWornOut).toBe(isWornOut);
  },
);

test('the counter carries into its high half', () => {
  const pair = keypair(4, 0xffff_ffff);
  pair.countSent();
  expect([pair.sendHigh, pair.sendLow]).toEqual([5, 0]);
});

test('age ends sending whatever the counter', () => {
  const pair = keypair(0, 0);
  expect([pair.maySend(179_999), pair.maySend(180_000)]).toEqual([true, false]);
});
