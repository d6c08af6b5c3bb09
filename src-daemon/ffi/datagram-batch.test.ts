/** Batches of datagrams over loopback: what was sent in one call is what another counts. */
import { expect, onTestFinished, test } from 'vitest';
import { datagramBatch } from './datagram-batch.ts';
import { closeFd, readFd } from './fd.ts';
import { libc } from './libc.ts';
import { openLocalUdp, sockaddr } from './sockets.ts';

const PORT = 39_517;

function socketOn(port: number): number {
  const opened = openLocalUdp({ family: 4, ip: '127.0.0.1', port, shared: false, wayOut: { kind: 'none' } });
  if (!opened.ok) throw new Error(`${opened.step}: ${opened.code}`);
  onTestFinished(() => closeFd(opened.fd));
  return opened.fd;
}

test.runIf(process.platform === 'linux')(
  'sends what it was made of, no more than asked for, and counts all that came',
  () => {
    const [from, to] = [socketOn(0), socketOn(PORT)];
    const address = sockaddr('127.0.0.1', PORT);
    expect(libc().connect(from, address, address.length)).toBe(0);
    const [sent, got] = [datagramBatch(16, 64), datagramBatch(16, 1_500)];
    expect(sent.send(from, 5)).toBe(5);
    expect(sent.send(from, 100)).toBe(16);
    expect(got.receive(to)).toBe(16);
    expect(got.receive(to)).toBe(5);
    expect(got.receive(to)).toBe('EAGAIN');
    datagramBatch(1, 4, Uint8Array.of(7, 8)).send(from, 1);
    const one = new Uint8Array(8);
    expect(readFd(to, one)).toBe(4);
    expect(one).toEqual(Uint8Array.of(7, 8, 0, 0, 0, 0, 0, 0));
  },
);
