/** Which offloads a network interface has switched on, and switching them (koffi; linux/ethtool.h). */
import koffi from 'koffi';
import { RhumbError } from '#shared/errors.ts';
import { closeFd } from './fd.ts';
import { AF_INET, errnoName, isLittleEndian, libc, O_CLOEXEC, SOCK_DGRAM } from './libc.ts';

/** linux/sockios.h, linux/ethtool.h */
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GSTRINGS = 0x1b;
const ETHTOOL_GSSET_INFO = 0x37;
const ETHTOOL_GFEATURES = 0x3a;
const ETHTOOL_SFEATURES = 0x3b;
const ETH_SS_FEATURES = 4;
const NAME_BYTES = 32;
/** struct ethtool_gstrings: command, set, length, then names; ethtool_gfeatures: command, blocks, then blocks. */
const STRINGS_HEADER = 12;
const FEATURES_HEADER = 8;
/** struct ethtool_get_features_block: available, requested, active, never changed. */
const GET_BLOCK = 16;
const ACTIVE_AT = 8;
/** struct ethtool_set_features_block: which are meant, which of them on. */
const SET_BLOCK = 8;
/** Kernels have about seventy. */
const MAX_FEATURES = 1_024;
/** IFNAMSIZ, and what the union of struct ifreq takes beside the pointer. */
const NAME_SIZE = 16;
const UNION_REST = 16;

/** koffi knows the type by its name, and takes it once. */
let isRequestKnown = false;

/** By the names that `ethtool -k` shows, where they are one feature. Undefined when there is no such interface. */
export function interfaceFeatures(name: string): ReadonlyMap<string, boolean> | undefined {
  return withSocket((fd) => {
    const names = featureNames(fd, name);
    if (names === undefined) return undefined;
    const blocks = Math.ceil(names.length / 32);
    const buffer = new Uint8Array(FEATURES_HEADER + blocks * GET_BLOCK);
    const view = header(buffer, ETHTOOL_GFEATURES, blocks);
    must(call(fd, name, buffer), name);
    const isActive = (i: number): boolean => {
      const at = FEATURES_HEADER + (i >> 5) * GET_BLOCK + ACTIVE_AT;
      return ((view.getUint32(at, isLittleEndian()) >>> (i & 31)) & 1) === 1;
    };
    return new Map(names.map((feature, i) => [feature, isActive(i)]));
  });
}

/** Throws with the kernel's reason; needs CAP_NET_ADMIN. */
export function setInterfaceFeatures(name: string, wanted: ReadonlyMap<string, boolean>): void {
  withSocket((fd) => {
    const names = featureNames(fd, name);
    if (names === undefined) throw new RhumbError('not-found', `there is no interface ${name}`);
    const blocks = Math.ceil(names.length / 32);
    const buffer = new Uint8Array(FEATURES_HEADER + blocks * SET_BLOCK);
    const view = header(buffer, ETHTOOL_SFEATURES, blocks);
    for (const [feature, on] of wanted) {
      const i = names.indexOf(feature);
      if (i < 0) throw new RhumbError('unavailable', `${name} has no ${feature}`);
      const at = FEATURES_HEADER + (i >> 5) * SET_BLOCK;
      const bit = (1 << (i & 31)) >>> 0;
      for (const [offset, isSet] of [
        [0, true],
        [4, on],
      ] as const)
        if (isSet)
          view.setUint32(
            at + offset,
            (view.getUint32(at + offset, isLittleEndian()) | bit) >>> 0,
            isLittleEndian(),
          );
    }
    must(call(fd, name, buffer), name);
  });
}

function featureNames(fd: number, name: string): string[] | undefined {
  // struct ethtool_sset_info: command, reserved, mask of sets (64 bits), one count per set asked for.
  const info = new Uint8Array(20);
  const infoView = header(info, ETHTOOL_GSSET_INFO, 0);
  infoView.setBigUint64(8, 1n << BigInt(ETH_SS_FEATURES), isLittleEndian());
  const failure = call(fd, name, info);
  if (failure === 'ENODEV') return undefined;
  must(failure, name);
  const count = Math.min(MAX_FEATURES, infoView.getUint32(16, isLittleEndian()));
  const strings = new Uint8Array(STRINGS_HEADER + count * NAME_BYTES);
  const view = header(strings, ETHTOOL_GSTRINGS, ETH_SS_FEATURES);
  view.setUint32(8, count, isLittleEndian());
  must(call(fd, name, strings), name);
  return Array.from({ length: count }, (_, i) => {
    const at = STRINGS_HEADER + i * NAME_BYTES;
    return Buffer.from(strings.subarray(at, at + NAME_BYTES))
      .toString('latin1')
      .replace(/\0.*$/s, '');
  });
}

function header(buffer: Uint8Array, command: number, second: number): DataView {
  const view = new DataView(buffer.buffer);
  view.setUint32(0, command, isLittleEndian());
  view.setUint32(4, second, isLittleEndian());
  return view;
}

/** The kernel reads and writes `buffer` during the call; undefined when it agreed. */
function call(fd: number, name: string, buffer: Uint8Array): string | undefined {
  if (!isRequestKnown)
    koffi.struct('rhumb_ethtool_request', {
      name: koffi.array('char', NAME_SIZE),
      data: 'uint8_t *',
      rest: koffi.array('uint8_t', UNION_REST),
    });
  isRequestKnown = true;
  const argument = { name, data: buffer, rest: new Uint8Array(UNION_REST) };
  const failed = libc().ioctl(fd, SIOCETHTOOL, 'rhumb_ethtool_request *', argument) < 0;
  return failed ? errnoName() : undefined;
}

function must(failure: string | undefined, name: string): void {
  if (failure === undefined) return;
  if (failure === 'EPERM')
    throw new RhumbError(
      'not-allowed',
      `offloads of ${name}: not permitted; run rhumbd as root or with CAP_NET_ADMIN`,
    );
  throw new RhumbError('unavailable', `offloads of ${name}: ${failure}`);
}

function withSocket<T>(use: (fd: number) => T): T {
  const fd = libc().socket(AF_INET, SOCK_DGRAM | O_CLOEXEC, 0);
  if (fd < 0) throw new RhumbError('unavailable', `open a socket: ${errnoName()}`);
  try {
    return use(fd);
  } finally {
    closeFd(fd);
  }
}
