/** Updates with a signature: the bytes, answers that must not be believed, and Debian's named where it is installed. */
import { spawn, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '#shared/node/clock.ts';
import { txtAt } from './ask.ts';
import { openPublisher, type Publisher } from './publish.ts';
import { KeySecret, type UpdateKey } from './settings.ts';
import { checkUpdateAnswer, type Signed, updateMessage } from './update-message.ts';

const secret = Buffer.from('a secret of thirty-two bytes, ok');
const KEY: UpdateKey = { name: 'rhumb.key', algorithm: 'hmac-sha256', secret: new KeySecret(secret) };
const NOW = 1_700_000_000_000;
const change = {
  kind: 'add',
  name: '_acme-challenge.web.net.example',
  value: 'v'.repeat(300),
  ttlSeconds: 60,
} as const;
const request = (): Signed => updateMessage('net.example', change, KEY, 0x1234, NOW);

describe('the message', () => {
  test('is an update of one zone with one record and one signature behind it', () => {
    const { bytes, mac } = request();
    expect(bytes.subarray(0, 12).toString('hex')).toBe('123428000001000000010001');
    expect(bytes.includes(mac)).toBe(true);
    expect(mac).toHaveLength(32);
  });

  test('its digest is over the message as it was before the signature, then the key’s variables', () => {
    const { bytes, mac } = request();
    const tsigAt = bytes.lastIndexOf('\x05rhumb\x03key\x00');
    const unsigned = Buffer.from(bytes.subarray(0, tsigAt));
    unsigned.writeUInt16BE(0, 10);
    const variables = Buffer.concat([
      Buffer.from('\x05rhumb\x03key\x00', 'latin1'),
      Buffer.from('00ff00000000', 'hex'),
      Buffer.from('\x0bhmac-sha256\x00', 'latin1'),
      Buffer.from(`0000${(NOW / 1_000).toString(16)}012c00000000`, 'hex'),
    ]);
    expect(mac).toEqual(createHmac('sha256', secret).update(unsigned).update(variables).digest());
  });

  test('a printed key shows no secret', () =>
    expect(JSON.stringify(KEY)).not.toContain(secret.toString('base64')));
});

describe('an answer', () => {
  test('that is not signed is not believed', () => {
    const reply = Buffer.alloc(12);
    reply.writeUInt16BE(0x1234, 0);
    reply.writeUInt16BE(0xa800, 2);
    expect(() => checkUpdateAnswer(reply, request(), KEY, NOW)).toThrow(/its answer is not signed/);
  });

  test.each([
    [5, /refuses: is the key allowed/],
    [9, /does not have this zone, or does not know the key/],
    [10, /not in this zone/],
  ])('with error %i says what it means', (rcode, words) => {
    const reply = Buffer.alloc(12);
    reply.writeUInt16BE(0x1234, 0);
    reply.writeUInt16BE(0xa800 | rcode, 2);
    expect(() => checkUpdateAnswer(reply, request(), KEY, NOW)).toThrow(words);
  });

  test('of any bytes is refused in words', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const reply = Buffer.concat([Buffer.from('1234a800', 'hex'), Buffer.from(noise)]);
        expect(() => checkUpdateAnswer(reply, request(), KEY, NOW)).toThrow(/did not take the update/);
      }),
      { numRuns: 500 },
    ));
});

const hasNamed = spawnSync('named', ['-V']).error === undefined;

interface Named extends AsyncDisposable {
  readonly server: { readonly host: string; readonly port: number };
  readonly publisher: (key: UpdateKey) => Publisher;
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

async function startNamed(algorithm: UpdateKey['algorithm']): Promise<Named> {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-named-'));
  const port = await freePort();
  const zone = '$TTL 60\n@ SOA ns.net.example. h.net.example. 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n';
  writeFileSync(join(folder, 'zone'), zone);
  writeFileSync(
    join(folder, 'conf'),
    `options { directory "${folder}"; pid-file none; session-keyfile none; managed-keys-directory "${folder}";
       listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; };
     controls { };
     key "rhumb.key" { algorithm ${algorithm}; secret "${secret.toString('base64')}"; };
     zone "net.example" { type primary; file "${folder}/zone";
       update-policy { grant rhumb.key subdomain net.example. TXT; }; };`,
  );
  const child = spawn('named', ['-g', '-c', join(folder, 'conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/ running$/m.test(said)) resolve();
    });
    child.once('close', () => reject(new Error(said)));
  });
  const server = { host: '127.0.0.1', port };
  return {
    server,
    publisher: (key) =>
      openPublisher(
        { kind: 'update', server, zone: 'net.example', key },
        { nowMs: () => systemClock().now(), messageId: () => 7, responder: undefined },
      ),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

describe.skipIf(!hasNamed)('named', () => {
  const signal = (): AbortSignal => AbortSignal.timeout(5_000);

  test.each(['hmac-sha256', 'hmac-sha512'] as const)(
    'takes records by %s and lets them go one by one',
    async (algorithm) => {
      await using named = await startNamed(algorithm);
      const publisher = named.publisher({ ...KEY, algorithm });
      const { name } = change;
      await publisher.add(name, 'one', signal());
      await publisher.add(name, change.value, signal());
      expect([...(await txtAt(named.server, name, 9, signal()))].sort()).toEqual(['one', change.value]);
      await publisher.remove(name, 'one', signal());
      expect(await txtAt(named.server, name, 9, signal())).toEqual([change.value]);
      await publisher.remove(name, change.value, signal());
      await publisher.remove(name, change.value, signal());
      expect(await txtAt(named.server, name, 9, signal())).toEqual([]);
    },
  );

  test('says what is wrong with the key, the zone, or the name', async () => {
    await using named = await startNamed('hmac-sha256');
    const add = (key: UpdateKey, name: string = change.name): Promise<void> =>
      named.publisher(key).add(name, 'x', signal());
    await expect(add({ ...KEY, name: 'other.key' })).rejects.toThrow(/does not know the key/);
    await expect(add({ ...KEY, secret: new KeySecret(Buffer.alloc(32)) })).rejects.toThrow(
      /secret is another one/,
    );
    await expect(add(KEY, '_acme-challenge.web.other.example')).rejects.toThrow(/not in this zone/);
  });
});
