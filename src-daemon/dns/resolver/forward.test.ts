/** Questions that others answer: whom, when, how often, and for how long the answer is kept. */
import { describe, expect, test } from 'vitest';
import { settle } from '#shared/testing/fake-clock.ts';
import { answering, CONFIG, decoded, never, queryFor, type World, world } from '../testing/world.ts';
import { attemptsFor } from './attempts.ts';
import { addressesOfKnown, isHttpsOnly, knownServerAt } from './providers.ts';

const A = (name: string, ttl = 60) => [{ type: 'A' as const, name, ttl, data: '192.0.2.99' }];
const SOA = {
  type: 'SOA' as const,
  name: 'example.com',
  ttl: 3_600,
  data: { mname: 'a', rname: 'b', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 30 },
};
const ask = async ({ resolver }: World, name: string, type = 'A', over = {}) =>
  decoded(await resolver.answer(queryFor(name, type, over), { transport: 'udp', signal: never }));
const up = (...addrs: string[]) => addrs.map((addr) => ({ addr, bootstrap: [] }));

describe('whom to ask', () => {
  test('the longest suffix decides, and the rest goes to the defaults', async () => {
    const all = world();
    for (const ip of ['192.0.2.1', '10.0.0.53']) all.servers.set(ip, answering(A('x')));
    await ask(all, 'a.corp.test');
    await ask(all, 'corp.test');
    await ask(all, 'xcorp.test');
    expect(all.asked.map(({ ip }) => ip)).toEqual(['10.0.0.53', '10.0.0.53', '192.0.2.1']);
  });

  test('a server inside the tunnel is asked unmarked, one beside it marked, none marked through an exit node', async () => {
    const all = world();
    all.servers.set('192.0.2.1', answering(A('x'))).set('10.0.0.53', answering(A('x')));
    await ask(all, 'corp.test');
    await ask(all, 'example.com');
    all.resolver.configure({
      ...CONFIG,
      inside: { routes: ['0.0.0.0/0', '::/0'], except: ['192.0.2.0/24'] },
    });
    await ask(all, 'example.com');
    expect(all.asked.map(({ mark }) => mark)).toEqual([false, true, false]);
  });

  test('nobody is asked where there is nobody', async () => {
    const all = world({ defaults: [] });
    expect((await ask(all, 'example.com')).rcode).toBe('SERVFAIL');
    expect((await ask(world({ defaults: up('100.100.100.100', 'tls://x') }), 'example.com')).rcode).toBe(
      'SERVFAIL',
    );
  });

  test('a public server is asked over HTTPS first, its plain addresses later, those of one family one after another', () => {
    const attempts = attemptsFor(up('8.8.8.8', '8.8.4.4', '2001:4860:4860::8888', '10.0.0.1:5353'));
    expect(
      attempts.map(({ server, delayMs }) => [server.kind === 'https' ? server.url : server.kind, delayMs]),
    ).toEqual([
      ['https://dns.google/dns-query', 0],
      ['plain', 500],
      ['plain', 700],
      ['plain', 500],
      ['plain', 0],
    ]);
  });

  test('the profile of NextDNS is found in its addresses, and the other way round', () => {
    expect(knownServerAt('2a07:a8c0::c3:a884')).toEqual({
      url: 'https://dns.nextdns.io/c3a884',
      isHttpsOnly: true,
    });
    expect(addressesOfKnown('https://dns.nextdns.io/c3a884?device=x')).toContain('2a07:a8c0::c3:a884');
    expect([isHttpsOnly('45.90.28.7'), isHttpsOnly('1.1.1.1')]).toEqual([true, false]);
  });
});

describe('who answers', () => {
  test('the first good answer wins over refusals that came before', async () => {
    const all = world({ defaults: up('192.0.2.1', '192.0.2.2') });
    all.servers.set('192.0.2.1', answering([], { rcode: 2 })).set('192.0.2.2', answering(A('example.com')));
    expect(await ask(all, 'example.com')).toMatchObject({
      rcode: 'NOERROR',
      answers: [{ data: '192.0.2.99' }],
    });
  });

  test.each([
    [2, 5, 'SERVFAIL'],
    [5, 2, 'SERVFAIL'],
    [5, 5, 'REFUSED'],
  ])('of the codes %i and %i the client hears %s', async (first, second, want) => {
    const all = world({ defaults: up('192.0.2.1', '192.0.2.2') });
    all.servers.set('192.0.2.1', answering([], { rcode: first }));
    all.servers.set('192.0.2.2', answering([], { rcode: second }));
    expect((await ask(all, 'example.com')).rcode).toBe(want);
  });

  test('silence ends with SERVFAIL after ten seconds and is told to health, an answer takes it back', async () => {
    const all = world();
    const answer = ask(all, 'example.com');
    await all.clock.advance(9_900);
    expect(all.failing).toEqual([undefined]);
    await all.clock.advance(200);
    expect((await answer).rcode).toBe('SERVFAIL');
    expect(all.failing.at(-1)).toBe('192.0.2.1');
    all.servers.set('192.0.2.1', answering(A('example.com')));
    await ask(all, 'example.com');
    expect(all.failing.at(-1)).toBeUndefined();
    expect(all.clock.pending).toBe(0);
  });
});

describe('what is asked once', () => {
  test('equal questions under way are one, each with its own id and spelling', async () => {
    const all = world();
    const first = ask(all, 'example.com', 'A', { id: 1 });
    const second = ask(all, 'EXAMPLE.com', 'A', { id: 2 });
    const other = ask(all, 'example.com', 'A', { id: 3, udpSize: 1_232, dnssecOk: true });
    await settle();
    expect(all.asked).toHaveLength(2);
    await all.clock.advance(10_100);
    expect(
      [await first, await second, await other].map(({ id, questions }) => [id, questions?.[0]?.name]),
    ).toEqual([
      [1, 'example.com'],
      [2, 'EXAMPLE.com'],
      [3, 'example.com'],
    ]);
  });

  test('an answer is kept for its TTL, which runs down meanwhile', async () => {
    const all = world();
    all.servers.set('192.0.2.1', answering(A('example.com', 60)));
    await ask(all, 'example.com');
    await all.clock.advance(20_500);
    expect((await ask(all, 'Example.com')).answers).toMatchObject([{ ttl: 40 }]);
    expect(all.asked).toHaveLength(1);
    await all.clock.advance(40_000);
    await ask(all, 'example.com');
    expect(all.asked).toHaveLength(2);
  });

  test.each([
    ['NXDOMAIN with an SOA is kept as long as that says', 3, [SOA], 29_000, 1],
    ['and no longer', 3, [SOA], 31_000, 2],
    ['NXDOMAIN without one is not', 3, [], 1, 2],
    ['nor is a failure', 2, [SOA], 1, 2],
  ])('%s', async (_, rcode, authorities, laterMs, asked) => {
    const all = world();
    all.servers.set('192.0.2.1', answering([], { rcode, authorities }));
    await ask(all, 'example.com');
    await all.clock.advance(laterMs);
    await ask(all, 'example.com');
    expect(all.asked).toHaveLength(asked);
  });

  test('records of others are handed on but not kept', async () => {
    const all = world();
    all.servers.set('192.0.2.1', answering([...A('example.com'), ...A('bank.test')]));
    await ask(all, 'example.com');
    await ask(all, 'example.com');
    await ask(all, 'bank.test');
    expect(all.asked).toHaveLength(3);
  });

  test('a chain of aliases is kept', async () => {
    const all = world();
    const alias = { type: 'CNAME' as const, name: 'example.com', ttl: 60, data: 'cdn.test' };
    all.servers.set('192.0.2.1', answering([alias, ...A('cdn.test')]));
    await ask(all, 'example.com');
    expect((await ask(all, 'example.com')).answers).toHaveLength(2);
    expect(all.asked).toHaveLength(1);
  });

  test('with and without DNSSEC are different questions', async () => {
    const all = world();
    all.servers.set('192.0.2.1', answering(A('example.com')));
    await ask(all, 'example.com');
    await ask(all, 'example.com', 'A', { udpSize: 1_232, dnssecOk: true });
    expect(all.asked).toHaveLength(2);
  });

  test('what came from other servers, or by another way, is forgotten; machines that come and go change nothing', async () => {
    const all = world();
    all.servers.set('192.0.2.1', answering(A('example.com'))).set('192.0.2.2', answering(A('example.com')));
    const askedAfter = async (over: Partial<typeof CONFIG>): Promise<number> => {
      all.resolver.configure({ ...CONFIG, ...over });
      await ask(all, 'example.com');
      return all.asked.length;
    };
    expect(await askedAfter({})).toBe(1);
    expect(await askedAfter({ hosts: { ...CONFIG.hosts } })).toBe(1);
    expect(await askedAfter({ defaults: up('192.0.2.2') })).toBe(2);
    expect(
      await askedAfter({ defaults: up('192.0.2.2'), inside: { routes: ['0.0.0.0/0'], except: [] } }),
    ).toBe(3);
  });

  test('an answer that was under way while the servers changed is not kept', async () => {
    const all = world();
    const early = ask(all, 'example.com');
    await settle();
    all.resolver.configure({ ...CONFIG, defaults: up('192.0.2.2') });
    all.servers.set('192.0.2.2', answering(A('example.com')));
    await ask(all, 'example.com');
    expect(all.asked.map(({ ip }) => ip)).toEqual(['192.0.2.1', '192.0.2.2']);
    await all.clock.advance(10_100);
    expect((await early).rcode).toBe('SERVFAIL');
  });

  test('more than 256 questions at a time are refused', async () => {
    const all = world();
    const answers = Array.from({ length: 257 }, (_, i) => ask(all, `x${i}.example.com`));
    expect((await (answers.at(-1) as (typeof answers)[0])).rcode).toBe('REFUSED');
    await all.clock.advance(10_100);
    expect((await (answers[0] as (typeof answers)[0])).rcode).toBe('SERVFAIL');
    expect((await ask(all, 'box.net.test')).rcode).toBe('NOERROR');
  });
});

describe('how much', () => {
  const many = Array.from({ length: 60 }, () => A('example.com')[0] as ReturnType<typeof A>[0]);

  test.each([
    [{}, true],
    [{ udpSize: 512 }, true],
    [{ udpSize: 4_000 }, false],
  ])('with %j the answer is cut: %s', async (options, isCut) => {
    const all = world();
    all.servers.set('192.0.2.1', answering(many));
    const answer = await ask(all, 'example.com', 'A', options);
    expect((answer.flags ?? 0) & 0x0200).toBe(isCut ? 0x0200 : 0);
    expect(answer.answers?.length === 60).toBe(!isCut);
  });

  test('no server is asked for more than 4095 bytes, nor told of EDNS when the client was silent', async () => {
    const all = world();
    all.servers.set('192.0.2.1', answering(A('x')));
    await ask(all, 'a.com', 'A', { udpSize: 65_000 });
    await ask(all, 'b.com');
    const sizes = all.asked.map(({ query }) => decoded(query).additionals?.[0]);
    expect(sizes).toMatchObject([{ udpPayloadSize: 4_095 }, undefined]);
  });
});

describe('for others', () => {
  const forPeer = async (name: string, refused: readonly string[] = []) => {
    const all = world();
    all.servers.set('198.51.100.1', answering(A(name)));
    const bytes = await all.resolver.answerForPeer(queryFor(name, 'A'), { refused, signal: never });
    return { rcode: decoded(bytes).rcode, asked: all.asked.map(({ ip }) => ip) };
  };

  test('users of this exit node are answered by the servers of this machine', async () =>
    expect(await forPeer('example.com')).toEqual({ rcode: 'NOERROR', asked: ['198.51.100.1'] }));

  test.each([
    ['a.corp.test', ['.corp.test'], 'REFUSED'],
    ['corp.test', ['.corp.test'], 'NOERROR'],
    ['corp.test', ['corp.test'], 'REFUSED'],
    ['xcorp.test', ['.corp.test', 'corp.test', ''], 'NOERROR'],
  ])('%s with %j is %s', async (name, refused, rcode) =>
    expect((await forPeer(name, refused)).rcode).toBe(rcode),
  );

  test('people may ask by name and type', async () => {
    const all = world();
    const { bytes, resolvers } = await all.resolver.query('box.net.test', 'a', never);
    expect(decoded(bytes).answers).toMatchObject([{ data: '100.64.0.7' }]);
    expect(resolvers).toEqual([]);
    await expect(all.resolver.query('x..y', 'A', never)).rejects.toThrow('is not a domain name');
    await expect(all.resolver.query('x', 'NOPE', never)).rejects.toThrow('is not a type');
  });
});
