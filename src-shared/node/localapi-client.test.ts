/** Tests of the local API's client: dialling, errors, keep-alive, and the watch as a bounded stream of lines. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../async/clock.ts';
import { RhumbError } from '../errors.ts';
import { LocalApi, lines } from './localapi-client.ts';

/** Time passes only by sleeping. */
function sleepingClock(onSleep: (elapsedMs: number) => Promise<void> = async () => undefined): Clock {
  let elapsed = 0;
  return {
    now: () => elapsed,
    monotonic: () => elapsed,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      elapsed += ms;
      await onSleep(elapsed);
    },
    after: () => () => undefined,
  };
}

interface Served extends AsyncDisposable {
  readonly path: string;
}

async function folder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'rhumb-api-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function serve(listener: RequestListener): Promise<Served> {
  const place = await folder();
  const server = createServer(listener);
  const path = join(place.path, 's.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await place[Symbol.asyncDispose]();
    },
  };
}

const apiAt = (socketPath: string, clock = sleepingClock()): LocalApi => new LocalApi({ socketPath, clock });

const failure = async (promise: Promise<unknown>): Promise<RhumbError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RhumbError)) throw new Error(`no RhumbError: ${String(error)}`);
  return error;
};

describe('dialling', () => {
  test('waits two seconds for a socket that is not there, then says what to do', async () => {
    const waits: number[] = [];
    const clock = sleepingClock(async (elapsed) => {
      waits.push(elapsed);
    });
    using api = apiAt('/nonexistent/s.sock', clock);
    const error = await failure(api.status({ peers: true }));
    expect(error).toMatchObject({
      code: 'unavailable',
      message:
        "rhumbd isn't running: there is no socket /nonexistent/s.sock; start it with: sudo rhumbd --socket /nonexistent/s.sock",
    });
    expect(waits).toEqual([250, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000]);
    await failure(api.status({ peers: true }));
    expect(waits).toHaveLength(8);
  });

  test('finds a daemon that comes up meanwhile', async () => {
    await using place = await folder();
    const path = join(place.path, 's.sock');
    const server = createServer((_request, response) => response.end('{"BackendState":"Running"}'));
    const clock = sleepingClock(async (elapsed) => {
      if (elapsed === 500) await new Promise<void>((resolve) => server.listen(path, resolve));
    });
    using api = apiAt(path, clock);
    expect((await api.status({ peers: true })).BackendState).toBe('Running');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('a socket that nobody listens on, and a path that is none', async () => {
    await using place = await folder();
    const file = join(place.path, 'file');
    await writeFile(file, '');
    expect((await failure(apiAt(file).prefs())).message).toMatch(
      /^rhumbd isn't running: nothing answers at /,
    );
    expect((await failure(apiAt(join(file, 's.sock')).prefs())).message).toMatch(/isn't a socket of rhumbd/);
    expect((await failure(apiAt(`/${'x'.repeat(200)}`).prefs())).message).toMatch(/isn't a socket of rhumbd/);
  });

  test('an abort ends the wait with its own reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const clock = sleepingClock(async () => controller.abort(reason));
    using api = apiAt('/nonexistent/s.sock', clock);
    await expect(api.prefs(controller.signal)).rejects.toBe(reason);
  });

  test('something that is no HTTP server', async () => {
    await using place = await folder();
    const path = join(place.path, 's.sock');
    const server = createSocketServer((socket) => {
      socket.on('error', () => undefined).resume();
      socket.end('SSH-2.0-x\r\n');
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const error = await failure(apiAt(path).prefs());
    expect(error.code).toBe('unavailable');
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('calls', () => {
  test('name the host and the capability version, and keep the connection', async () => {
    const heads: unknown[] = [];
    const ports = new Set<unknown>();
    await using daemon = await serve((request, response) => {
      heads.push([request.headers.host, request.headers['tailscale-cap']]);
      ports.add(request.socket);
      response.end('{}');
    });
    using api = apiAt(daemon.path);
    await api.prefs();
    await api.status({ peers: false });
    expect(heads).toEqual([
      ['local-tailscaled.sock', expect.stringMatching(/^\d+$/)],
      ['local-tailscaled.sock', expect.stringMatching(/^\d+$/)],
    ]);
    expect(ports.size).toBe(1);
  });

  test.each([
    [403, 'x denied', 'not-allowed', 'Access denied: x denied'],
    [401, 'who?', 'not-allowed', 'Access denied: who?'],
    [412, 'etag mismatch', 'conflict', 'Preconditions failed: etag mismatch'],
    [404, 'no match', 'not-found', 'no match'],
    [404, '', 'not-found', "the daemon doesn't know prefs"],
    [400, '{"Error":"bad","error":"bad"}', 'bad-argument', 'bad'],
    [500, '{"error":"boom"}', 'internal', 'boom'],
    [503, '', 'internal', '503 Service Unavailable'],
    [204, '', 'protocol', 'prefs: unexpected reply 204 No Content'],
  ])('a reply of %d %j', async (code, body, kind, message) => {
    await using daemon = await serve((_request, response) => {
      response.statusCode = code;
      response.end(body);
    });
    using api = apiAt(daemon.path);
    expect(await failure(api.prefs())).toMatchObject({ code: kind, message });
  });

  test('a daemon that dies in the middle of a reply', async () => {
    await using daemon = await serve((request, response) => {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('{"');
      setImmediate(() => request.socket.destroy());
    });
    using api = apiAt(daemon.path);
    expect((await failure(api.prefs())).message).toMatch(/closed the connection/);
  });

  test('check-prefs tells a refusal although the reply is a success', async () => {
    let body = '{}';
    await using daemon = await serve((_request, response) => response.end(body));
    using api = apiAt(daemon.path);
    const value = await api.prefs();
    expect(await api.checkPrefs(value)).toBe('');
    body = '{"Error":"no SSH"}';
    expect(await api.checkPrefs(value)).toBe('no SSH');
  });
});

describe('the watch', () => {
  test('starts before the first message and gives each line', async () => {
    let write = (_text: string): void => undefined;
    await using daemon = await serve((_request, response) => {
      response.writeHead(200);
      response.flushHeaders();
      write = (text) => void response.write(text);
    });
    using api = apiAt(daemon.path);
    await using watch = await api.watch(0, new AbortController().signal);
    write('{"State":5}\n\n{"Sta');
    const states: unknown[] = [];
    for await (const message of watch) {
      states.push(message.State);
      if (states.length === 1) write('te":6}\n');
      if (states.length === 2) break;
    }
    expect(states).toEqual([5, 6]);
  });

  test('closes its connection when the loop is left', async () => {
    let closed: () => void = () => undefined;
    const isClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    await using daemon = await serve((_request, response) => {
      response.on('close', () => closed());
      response.write('{"State":2}\n');
    });
    using api = apiAt(daemon.path);
    for await (const message of await api.watch(2, new AbortController().signal)) {
      expect(message.State).toBe(2);
      break;
    }
    await isClosed;
  });

  test('ends with the reason of an abort', async () => {
    await using daemon = await serve((_request, response) => {
      response.write('{"State":2}\n');
    });
    using api = apiAt(daemon.path);
    const controller = new AbortController();
    const reason = new Error('enough');
    const reading = (async () => {
      for await (const _message of await api.watch(2, controller.signal)) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
  });

  test('that the daemon ends or garbles is an error', async () => {
    let body = '{"State":2}\n';
    await using daemon = await serve((_request, response) => response.end(body));
    using api = apiAt(daemon.path);
    const read = async (): Promise<void> => {
      for await (const _message of await api.watch(2, new AbortController().signal));
    };
    expect((await failure(read())).message).toMatch(/^rhumbd ended the watch/);
    body = 'not json\n';
    expect((await failure(read())).message).toBe("watch-ipn-bus: the daemon's reply is not JSON");
    body = '{"State":"x"}\n';
    expect((await failure(read())).message).toBe("watch-ipn-bus: the daemon's reply is malformed");
  });
});

describe('lines', () => {
  const collect = async (chunks: readonly Uint8Array[], max: number): Promise<string[]> => {
    async function* source(): AsyncGenerator<Uint8Array> {
      yield* chunks;
    }
    return await Array.fromAsync(lines(source(), max));
  };

  test('come out the same however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '😀') })),
        fc.integer({ min: 1, max: 9 }),
        async (texts, size) => {
          const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
          const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
            bytes.subarray(i * size, (i + 1) * size),
          );
          expect(await collect(chunks, 1_000)).toEqual(texts);
        },
      ),
    );
  });

  test('have a bound', async () => {
    await expect(collect([Buffer.alloc(6), Buffer.alloc(6)], 10)).rejects.toThrow(/more than 10 bytes/);
    await expect(collect([Buffer.from('12345\n67890\n')], 6)).resolves.toHaveLength(2);
  });
});
