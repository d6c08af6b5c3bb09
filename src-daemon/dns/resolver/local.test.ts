/** What is answered without asking anybody, as another implementation of DNS reads it. */
import { describe, expect, test } from 'vitest';
import { decoded, hostsOf, queryFor, world } from '../testing/world.ts';

const ask = (name: string, type: string, over = {}) => {
  const bytes = world(over).resolver.answerNow(queryFor(name, type), 'udp');
  const { rcode, answers = [], authorities = [], flags = 0, id, questions } = decoded(bytes);
  const data = answers.map((answer) => ('data' in answer ? answer.data : undefined));
  const ttls = answers.map((answer) => ('ttl' in answer ? answer.ttl : undefined));
  const soa = authorities.map(({ type: kind, name: zone }) => `${kind} ${zone}`);
  return { rcode, data, ttls, soa, isAuthoritative: (flags & 0x0400) !== 0, id, questions };
};

describe('names of machines', () => {
  test.each([
    ['box.net.test', 'A', ['100.64.0.7']],
    ['BoX.nEt.TeSt', 'A', ['100.64.0.7']],
    ['both.net.test', 'AAAA', ['fd7a:115c:a1e0::8']],
    ['both.net.test', 'ANY', ['100.64.0.8']],
    ['7.0.64.100.in-addr.arpa', 'PTR', ['box.net.test']],
    ['7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa', 'PTR', ['six.net.test']],
    ['100.100.100.100.in-addr.arpa', 'PTR', ['magicdns.localhost-tailscale-daemon']],
    ['magicdns.localhost-tailscale-daemon', 'A', ['100.100.100.100']],
    ['10-1-1-5-via-7', 'AAAA', ['fd7a:115c:a1e0:b1a:0:7:a01:105']],
    ['10-1-1-5-via-0x7.foo.ts.net', 'AAAA', ['fd7a:115c:a1e0:b1a:0:7:a01:105']],
    ['10-1-1-5-via-7.net.test', 'AAAA', ['fd7a:115c:a1e0:b1a:0:7:a01:105']],
  ])('%s %s', (name, type, data) => {
    expect(ask(name, type)).toMatchObject({ rcode: 'NOERROR', data, ttls: [5], isAuthoritative: true });
  });

  test.each([
    ['box.net.test', 'AAAA', 'NOERROR', ['SOA net.test']],
    ['box.net.test', 'TXT', 'NOERROR', ['SOA net.test']],
    ['10-1-1-5-via-7.net.test', 'A', 'NOERROR', ['SOA net.test']],
    ['nobody.net.test', 'A', 'NXDOMAIN', ['SOA net.test']],
    ['9.9.64.100.in-addr.arpa', 'PTR', 'NXDOMAIN', ['SOA 64.100.in-addr.arpa']],
    ['box.net.test', 'NS', 'NOTIMP', []],
    ['box.net.test', 'SOA', 'NOTIMP', []],
    ['secret.onion', 'A', 'NXDOMAIN', []],
    ['lb._dns-sd._udp.example.com', 'PTR', 'NXDOMAIN', []],
  ])('%s %s is %s', (name, type, rcode, soa) => {
    expect(ask(name, type)).toMatchObject({ rcode, soa, data: [] });
  });

  test('names below a machine that answers for them are the machine', () => {
    const hosts = hostsOf({ 'box.net.test': ['100.64.0.7'] }, ['box.net.test']);
    expect(ask('a.b.box.net.test', 'A', { hosts }).data).toEqual(['100.64.0.7']);
  });

  test('the spelling of the question comes back', () =>
    expect(ask('BoX.nEt.TeSt', 'A')).toMatchObject({ id: 4_711, questions: [{ name: 'BoX.nEt.TeSt' }] }));

  test('a question with EDNS gets an answer with EDNS', () => {
    const bytes = world().resolver.answerNow(queryFor('box.net.test', 'A', { udpSize: 1_232 }), 'udp');
    expect(decoded(bytes).additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 4_095 }]);
  });

  test('a machine that is renamed answers to the new name at once, and to the old one no more', () => {
    const { resolver } = world();
    const rcode = (name: string) => decoded(resolver.answerNow(queryFor(name, 'A'), 'udp')).rcode;
    expect([rcode('box.net.test'), rcode('crate.net.test')]).toEqual(['NOERROR', 'NXDOMAIN']);
    resolver.configure({
      hosts: hostsOf({ 'crate.net.test': ['100.64.0.7'] }),
      authoritative: ['net.test'],
      routes: new Map(),
      defaults: [],
      acceptsDns: true,
      inside: { routes: [], except: [] },
    });
    expect([rcode('box.net.test'), rcode('crate.net.test')]).toEqual(['NXDOMAIN', 'NOERROR']);
  });
});

describe('what is no question', () => {
  const header = (flags: number, counts: readonly number[]): Uint8Array =>
    Uint8Array.from([1, 2, flags >> 8, flags & 255, ...counts.flatMap((n) => [n >> 8, n & 255])]);
  const rcodeOf = (message: Uint8Array): number | undefined => {
    const answer = world().resolver.answerNow(message, 'udp');
    return answer === undefined ? undefined : (answer[3] as number) & 15;
  };

  test.each([
    ['nothing', new Uint8Array(), undefined],
    ['half a header', new Uint8Array(11), undefined],
    ['an answer', header(0x8000, [1, 0, 0, 0]), undefined],
    ['no question', header(0x100, [0, 0, 0, 0]), 1],
    ['two questions', header(0x100, [2, 0, 0, 0]), 1],
    ['a question that is not there', header(0x100, [1, 0, 0, 0]), 1],
    ['an update', header(0x2800, [1, 0, 0, 0]), 4],
    ['a pointer to itself', Uint8Array.from([...header(0x100, [1, 0, 0, 0]), 0xc0, 12, 0, 1, 0, 1]), 1],
    ['a dot in a label', Uint8Array.from([...header(0x100, [1, 0, 0, 0]), 3, 97, 46, 98, 0, 0, 1, 0, 1]), 1],
  ])('%s', (_, message, rcode) => expect(rcodeOf(message)).toBe(rcode));

  test('an EDNS version of the future', () => {
    const query = queryFor('box.net.test', 'A', { udpSize: 512 });
    query[query.length - 5] = 1;
    const answer = world().resolver.answerNow(query, 'udp') as Uint8Array;
    expect(answer[answer.length - 6]).toBe(1); // BADVERS = 16: the upper bits are in the OPT record
  });
});
