/**
 * Packets of any IP protocol, to be sent and heard (root only; IPv4).
 *
 *   node raw-ip.ts hear PROTOCOL...            says `ready`, then `heard PROTOCOL MARK` for each packet that ends with a mark
 *   node raw-ip.ts say ADDRESS PROTOCOL/HEX... sends each payload in a packet of its own
 */
import { closeFd, readFd, watchReadable, writeFd } from '../../../src-daemon/ffi/fd.ts';
import { AF_INET, errnoName, libc, O_NONBLOCK, SOCK_RAW } from '../../../src-daemon/ffi/libc.ts';
import { sockaddr } from '../../../src-daemon/ffi/sockets.ts';

/** Payloads end with this and a number, so that packets of others are not taken for ours. */
const MARK = /filter-(\d+)$/;

const [what, ...words] = process.argv.slice(2);
if (what === 'hear') {
  for (const word of words) hear(Number(word));
  console.log('ready');
} else {
  const [address = '', ...payloads] = words;
  for (const payload of payloads) say(address, payload);
}

function open(protocol: number): number {
  const fd = libc().socket(AF_INET, SOCK_RAW | O_NONBLOCK, protocol);
  if (fd < 0) throw new Error(`raw socket of protocol ${protocol}: ${errnoName()}`);
  return fd;
}

function hear(protocol: number): void {
  const fd = open(protocol);
  const buffer = new Uint8Array(65_536);
  watchReadable(fd, () => {
    const length = readFd(fd, buffer);
    if (typeof length !== 'number' || length <= 0) return;
    const mark = MARK.exec(Buffer.from(buffer.subarray(0, length)).toString('latin1'))?.[1];
    if (mark !== undefined) console.log(`heard ${protocol} ${mark}`);
  });
}

function say(address: string, word: string): void {
  const [protocol = '', hex = ''] = word.split('/');
  const fd = open(Number(protocol));
  const to = sockaddr(address, 0);
  if (libc().connect(fd, to, to.length) !== 0) throw new Error(`connect to ${address}: ${errnoName()}`);
  const error = writeFd(fd, new Uint8Array(Buffer.from(hex, 'hex')));
  if (error !== undefined) throw new Error(`send to ${address}: ${error}`);
  closeFd(fd);
}
