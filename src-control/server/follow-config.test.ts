/** A configuration file that changes under a running server: what machines hear at once, and what a broken file leaves. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { IdentityProvider } from '../testing/identity-provider.ts';
import { type Loopback, loopback, scratchDir } from '../testing/loopback.ts';
import { TestMachine } from '../testing/machine.ts';

const dir = scratchDir();
afterAll(() => rmSync(dir, { recursive: true, force: true }));
let count = 0;

async function start(text: string): Promise<{ loop: Loopback; write: (text: string) => void }> {
  const file = join(dir, `config-${count++}.yaml`);
  const write = (content: string): void => writeFileSync(file, content);
  write(text);
  return { loop: await loopback({ file }), write };
}

async function joined(loop: Loopback): Promise<TestMachine> {
  const machine = await TestMachine.connect(loop.url);
  await machine.register({ authKey: loop.authKey });
  return machine;
}

const REGION = (id: number): string =>
  `"${id}": {"RegionID": ${id}, "RegionCode": "r${id}", "RegionName": "", "Nodes": [{"Name": "${id}a", "RegionID": ${id}, "HostName": "r${id}.test"}]}`;

test('names, resolvers and records reach machines that are connected', async () => {
  const { loop, write } = await start('dns: {magicDns: true, nameservers: [192.0.2.1]}\n');
  await using server = loop;
  await using machine = await joined(server);
  const stream = await machine.stream();
  expect((await stream.next())?.DNSConfig?.Resolvers).toMatchObject([{ Addr: '192.0.2.1' }]);
  const records = join(dir, 'records.json');
  writeFileSync(records, '[{"name": "grafana.rhumb.internal", "value": "192.0.2.9"}]');
  write(`dns: {magicDns: true, nameservers: [192.0.2.2], extraRecordsPath: ${records}}\n`);
  expect(await server.live.reload()).toEqual({ applied: ['dns.settings'], needRestart: [] });
  const told = await stream.until(({ DNSConfig }) => DNSConfig?.Resolvers?.[0]?.Addr === '192.0.2.2');
  expect(told.DNSConfig?.ExtraRecords).toMatchObject([{ Value: '192.0.2.9' }]);
  // One that can't be read leaves the records as they were.
  write('dns: {magicDns: true, nameservers: [192.0.2.2], extraRecordsPath: /nowhere/records.json}\n');
  expect(await server.live.reload()).toEqual({ applied: [], needRestart: [] });
  expect(server.server.dns.view.fileRecords).toHaveLength(1);
  write('dns: {magicDns: true, nameservers: [192.0.2.2]}\n');
  await server.live.reload();
  const without = await stream.until(({ DNSConfig }) => DNSConfig !== undefined);
  expect(without.DNSConfig?.ExtraRecords ?? []).toEqual([]);
});

test('a responder needs a restart, and the settings beside it do not', async () => {
  const { loop, write } = await start('dns: {searchDomains: [a.test]}\n');
  await using server = loop;
  write('dns: {searchDomains: [b.test], responder: {listen: "127.0.0.1:0", address: 127.0.0.1}}\n');
  expect(await server.live.reload()).toEqual({ applied: ['dns.settings'], needRestart: ['dns.responder'] });
  expect(server.server.dns.view.effective.searchDomains).toEqual(['b.test']);
  expect(server.server.dns.view.settings.responderAddress).toBeUndefined();
});

test('relays from the file and from other files reach machines that are connected', async () => {
  const { loop, write } = await start(`relay: {enabled: false}\nderpMap: {"Regions": {${REGION(7)}}}\n`);
  await using server = loop;
  await using machine = await joined(server);
  const stream = await machine.stream();
  expect(Object.keys((await stream.next())?.DERPMap?.Regions ?? {})).toEqual(['7']);
  const more = join(dir, 'more.json');
  writeFileSync(more, `{"Regions": {${REGION(9)}}}`);
  const own = `relay: {enabled: false}\nderpMap: {"Regions": {${REGION(8)}}}\n`;
  write(`${own}derpMapFiles: [${more}]\n`);
  expect((await server.live.reload()).applied).toEqual(['derpMap', 'derpMapFiles']);
  const told = await stream.until(({ DERPMap }) => DERPMap !== undefined);
  expect(Object.keys(told.DERPMap?.Regions ?? {})).toEqual(['8', '9']);
  write(`${own}derpMapFiles: [/nowhere/map.json]\n`);
  expect((await server.live.reload()).applied).toEqual([]);
  expect(Object.keys(server.server.hub.derpMap?.Regions ?? {})).toEqual(['8', '9']);
});

test('spans of time, approval and routing hold from the next time on', async () => {
  const { loop, write } = await start('ephemeralTimeout: 30m\n');
  await using server = loop;
  write('ephemeralTimeout: 10m\ndeleteInactive: 30d\ndeviceApproval: true\nrouting: {failback: true}\n');
  const { applied, needRestart } = await server.live.reload();
  expect([[...applied].sort(), needRestart]).toEqual([
    ['deleteInactiveMs', 'deviceApproval', 'ephemeralTimeoutMs', 'routing'],
    [],
  ]);
  await using machine = await TestMachine.connect(server.url);
  expect(await machine.register({ authKey: server.authKey })).toMatchObject({ MachineAuthorized: false });
});

test('a broken file keeps everything and says where', async () => {
  const { loop, write } = await start('dns: {searchDomains: [a.test]}\n');
  await using server = loop;
  write('dns:\n  searchDomains: [b.test]\n  nameserver: [192.0.2.1]\nkeyExpiry: 1h\n');
  await expect(server.live.reload()).rejects.toThrow(/did you mean "nameservers"\?.*line 3/);
  expect(server.server.dns.view.effective.searchDomains).toEqual(['a.test']);
  expect(server.live.current.keyLifetimeMs).toBe(180 * 86_400_000);
});

test('a provider comes and goes; one that must be there and is not changes nothing', async () => {
  const { loop, write } = await start('{}\n');
  await using server = loop;
  await using provider = await IdentityProvider.start({
    ...{ clientId: 'rhumb', clientSecret: 'secret', redirectUri: `${server.url}/oidc/callback` },
  });
  const one = (issuer: string): string =>
    `oidc: {issuer: "${issuer}", clientId: rhumb, clientSecret: secret, onlyStartIfAvailable: true}\n`;
  write(one(provider.issuer));
  const way = async () => (await fetch(`${server.url}/oidc/callback`)).status;
  expect(await way()).toBe(404);
  expect((await server.live.reload()).applied).toEqual(['oidc']);
  expect(await way()).not.toBe(404);
  const known = server.server.oidc;
  expect(known).toBeDefined();
  write(one('http://127.0.0.1:1'));
  expect((await server.live.reload()).applied).toEqual([]);
  expect(server.server.oidc).toBe(known);
  write('{}\n');
  await server.live.reload();
  expect(server.server.oidc).toBeUndefined();
});
