/** Many equal datagrams in one call, sent or only counted, where a call for each would cost too much (sendmmsg(2), recvmmsg(2)). */
import koffi from 'koffi';
import { errnoName, isLittleEndian } from './libc.ts';

/**
 * struct mmsghdr of a 64-bit machine: name, its length, the vector, its length (1), control, its length, flags, and what the
 * kernel says of the datagram; then one struct iovec for all of them.
 */
const MESSAGE_BYTES = 64;
const MESSAGE_VECTOR = 16;
const VECTOR_BYTES = 16;
/** sys/socket.h: waits for the first alone. */
const MSG_WAITFORONE = 0x1_0000;

export interface DatagramBatch {
  /** Sends the first `count`; how many went, or the name of the error. */
  send(fd: number, count: number): number | string;
  /** Waits for one as long as the socket does and takes what else is there: how many, or the name of the error. */
  receive(fd: number): number | string;
}

/** Up to `count` datagrams of `size` bytes each, zeros after the beginning; the memory is kept until the process ends. */
export function datagramBatch(
  count: number,
  size: number,
  beginning: Uint8Array = new Uint8Array(),
): DatagramBatch {
  const headBytes = count * MESSAGE_BYTES;
  const length = headBytes + VECTOR_BYTES + size;
  const block = koffi.alloc('uint8_t', length);
  const address: bigint = koffi.address(block);
  const bytes = new DataView(koffi.view(block, length));
  const little = isLittleEndian();
  for (let at = 0; at < length; at++) bytes.setUint8(at, 0);
  for (const [at, byte] of beginning.subarray(0, size).entries())
    bytes.setUint8(headBytes + VECTOR_BYTES + at, byte);
  bytes.setBigUint64(headBytes, address + BigInt(headBytes + VECTOR_BYTES), little);
  bytes.setBigUint64(headBytes + 8, BigInt(size), little);
  for (let n = 0; n < count; n++) {
    const at = n * MESSAGE_BYTES + MESSAGE_VECTOR;
    bytes.setBigUint64(at, address + BigInt(headBytes), little);
    bytes.setBigUint64(at + 8, 1n, little);
  }
  const self = koffi.load(null);
  const sendmmsg = self.func('int sendmmsg(int fd, void *messages, unsigned int count, int flags)');
  const recvmmsg = self.func(
    'int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)',
  );
  const done = (result: number): number | string => (result < 0 ? errnoName() : result);
  return {
    send: (fd, wanted) => done(sendmmsg(fd, block, Math.min(wanted, count), 0)),
    receive: (fd) => done(recvmmsg(fd, block, count, MSG_WAITFORONE, null)),
  };
}
