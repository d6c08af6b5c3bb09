/** One question for the addresses of a name, and what an answer says to it (RFC 1035, RFC 6891). */
import { type Answer, decode, encode, RECURSION_DESIRED } from 'dns-packet';
import { canonicalIp } from '#shared/ip/address.ts';

export interface NameQuestion {
  /** 16 bits, not to be guessed. */
  readonly id: number;
  /** Lower case, without final dot. */
  readonly name: string;
  readonly family: 4 | 6;
}

export type NameAnswer =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  /** There is no such name, or it has no address of the family. */
  | { readonly kind: 'none' }
  /** The rest is to be had over TCP. */
  | { readonly kind: 'truncated' }
  /** This server can't say; another may. */
  | { readonly kind: 'failed'; readonly code: string }
  /** It is no answer to this question, and may be a forgery: the right one may still come. */
  | { readonly kind: 'foreign' };

const UDP_PAYLOAD = 1_232;
const MAX_ADDRESSES = 16;
/** RFC 1034 §3.6.2 sets no bound; resolvers stop here or sooner. */
const MAX_ALIASES = 8;

const typeOf = (family: 4 | 6): 'A' | 'AAAA' => (family === 4 ? 'A' : 'AAAA');

export function encodeQuestion({ id, name, family }: NameQuestion): Uint8Array {
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type: typeOf(family), name }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: UDP_PAYLOAD,
        flags: 0,
        extendedRcode: 0,
        ednsVersion: 0,
        flag_do: false,
        options: [],
      },
    ],
  });
}

export function readAnswer(message: Uint8Array, { id, name, family }: NameQuestion): NameAnswer {
  const packet = decoded(message);
  const [question] = packet?.questions ?? [];
  if (packet?.type !== 'response' || packet.id !== id) return { kind: 'foreign' };
  // Servers that don't know EDNS answer FORMERR, and some of them without the question.
  const code = packet.rcode;
  if (question === undefined && code !== 'NOERROR') return { kind: 'failed', code };
  if (question?.type !== typeOf(family) || question.name.toLowerCase() !== name) return { kind: 'foreign' };
  if (code === 'NXDOMAIN') return { kind: 'none' };
  if (code !== 'NOERROR') return { kind: 'failed', code };
  const addresses = addressesOf(packet.answers ?? [], name, family);
  if (addresses.length > 0) return { kind: 'addresses', addresses };
  return packet.flag_tc ? { kind: 'truncated' } : { kind: 'none' };
}

type Decoded = ReturnType<typeof decode> & { readonly rcode: string };

function decoded(message: Uint8Array): Decoded | undefined {
  try {
    // Its types leave the code out.
    return decode(Buffer.from(message.buffer, message.byteOffset, message.length)) as Decoded;
  } catch {
    return undefined; // not DNS
  }
}

/** Of the name itself or of what it is another name for. */
function addressesOf(answers: readonly Answer[], name: string, family: 4 | 6): readonly string[] {
  const names = new Set([name]);
  for (let hop = 0; hop < MAX_ALIASES; hop++) {
    const before = names.size;
    for (const answer of answers)
      if (answer.type === 'CNAME' && names.has(answer.name.toLowerCase()))
        names.add(answer.data.toLowerCase());
    if (names.size === before) break;
  }
  const found = new Set<string>();
  for (const answer of answers) {
    if (answer.type !== typeOf(family) || !names.has(answer.name.toLowerCase())) continue;
    const ip = typeof answer.data === 'string' ? canonicalIp(answer.data) : undefined;
    if (ip !== undefined && ip.includes(':') === (family === 6)) found.add(ip);
    if (found.size === MAX_ADDRESSES) break;
  }
  return [...found];
}
