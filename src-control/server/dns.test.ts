/** Names as machines meet them: certificates from the question to the answer of the responder, changes while they are connected. */
import { describe, expect, test } from 'vitest';
import { txtAt } from '../dns/certificates/ask.ts';
import { type Loopback, loopback } from '../testing/loopback.ts';
import { TestMachine } from '../testing/machine.ts';
import { dnsConfig } from './dns-config.ts';

const RESPONDER = { listen: '127.0.0.1:0', address: '127.0.0.1' };
const VALUE = 'Zm9vYmFyLWZvb2Jhci1mb29iYXItZm9vYmFyLWZvb2I';

type Given = NonNullable<Parameters<typeof dnsConfig>[0]>;
const start = (dns: Given): Promise<Loopback> => loopback({ config: { dns: dnsConfig(dns, undefined) } });

async function join1({ url, authKey }: Loopback, hostname: string): Promise<TestMachine> {
  const machine = await TestMachine.connect(url);
  machine.hostname = hostname;
  await machine.register({ authKey });
  return machine;
}

const ask = async (machine: TestMachine, path: string, body: object): Promise<readonly [number, string]> => {
  const answer = await machine.post(
    path,
    JSON.stringify({ Version: 130, NodeKey: machine.nodeKey, ...body }),
  );
  return [answer.status, answer.body.toString().trim()];
};

describe('certificates', () => {
  test('a machine is told its name, publishes its challenge, and the responder shows it', async () => {
    await using server = await start({ responder: RESPONDER, https: { responder: true } });
    await using machine = await join1(server, 'web');
    const first = await (await machine.stream()).next();
    expect(first?.DNSConfig).toMatchObject({ CertDomains: ['web.rhumb.internal'] });
    expect(first?.Node?.CapMap).toHaveProperty('https');
    const name = '_acme-challenge.web.rhumb.internal';
    expect(await ask(machine, '/machine/set-dns', { Name: name, Type: 'TXT', Value: VALUE })).toEqual([
      200,
      '{}',
    ]);
    const [host = '', port = ''] = (server.server.dns.responderAddress ?? '').split(':');
    const at = { host, port: Number(port) };
    expect(await txtAt(at, name, 1, AbortSignal.timeout(2_000))).toEqual([VALUE]);
  });

  test('another machine’s name, another machine’s key and another method are refused', async () => {
    await using server = await start({ responder: RESPONDER, https: { responder: true } });
    await using web = await join1(server, 'web');
    await using db = await join1(server, 'db');
    const theirs = { Name: '_acme-challenge.db.rhumb.internal', Type: 'TXT', Value: VALUE };
    expect(await ask(web, '/machine/set-dns', theirs)).toEqual([
      403,
      'this machine may only set _acme-challenge.web.rhumb.internal',
    ]);
    expect((await ask(web, '/machine/set-dns', { ...theirs, NodeKey: db.nodeKey }))[0]).toBe(404);
    expect((await web.post('/machine/set-dns', '', 'PUT')).status).toBe(405);
    expect((await ask(web, '/machine/set-dns', { Name: 1 }))[0]).toBe(400);
  });

  test('where they are not enabled, machines are told what their administrator can do', async () => {
    await using without = await start({});
    await using one = await join1(without, 'web');
    const wanted = { Name: '_acme-challenge.web.rhumb.internal', Type: 'TXT', Value: VALUE };
    expect(await ask(one, '/machine/set-dns', wanted)).toEqual([403, expect.stringMatching(/dns\.https/)]);
    expect((await ask(one, '/machine/feature/query', { Feature: 'serve' }))[1]).toMatch(/dns\.https/);
    expect((await ask(one, '/machine/feature/query', { Feature: 'funnel' }))[1]).toMatch(/not available/);

    await using off = await start({ responder: RESPONDER, https: { responder: true, enabled: false } });
    await using two = await join1(off, 'web');
    expect((await ask(two, '/machine/feature/query', { Feature: 'serve' }))[1]).toMatch(/dns set --https on/);
    expect((await ask(two, '/machine/set-dns', wanted))[0]).toBe(403);
    await off.admin.call('dns.set', { https: true });
    expect(await ask(two, '/machine/feature/query', { Feature: 'serve' })).toEqual([
      200,
      '{"Complete":true}',
    ]);
    expect((await ask(two, '/machine/set-dns', wanted))[0]).toBe(200);
  });
});

describe('changes while machines are connected', () => {
  test('settings and records reach them as DNSConfig alone', async () => {
    await using server = await start({});
    await using machine = await join1(server, 'web');
    const stream = await machine.stream();
    await stream.next();
    await server.admin.call('dns.set', { magicDns: true, nameservers: ['9.9.9.9'] });
    const settings = await stream.until((message) => message.DNSConfig !== undefined);
    expect(settings.DNSConfig).toMatchObject({ Proxied: true, Resolvers: [{ Addr: '9.9.9.9' }] });
    expect([settings.Peers, settings.Node, settings.PacketFilters]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    await server.admin.call('dns.records.add', {
      name: 'wiki.rhumb.internal',
      type: 'CNAME',
      value: 'web.rhumb.internal',
    });
    const records = await stream.until((message) => message.DNSConfig !== undefined);
    expect(JSON.stringify(records.DNSConfig)).toContain(
      '"Name":"wiki.rhumb.internal","Type":"A","Value":"100.64.0.1"',
    );
  });
});
