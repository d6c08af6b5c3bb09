/** A daemon for tests over a real unix socket: what it answers, what its bus says and how it goes are up to the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { API_PREFIX, HEADER_RHUMB } from '../../localapi/http.ts';
import { encodePrefs, newPrefs } from '../../localapi/prefs.ts';
import { encodeStatus, NO_STATUS } from '../../localapi/status.ts';
import { encodeLoginProfile, NO_PROFILE } from '../../localapi/user.ts';
import { stringifyJson } from '../../wire/json.ts';

/** Text as it goes over the wire; undefined = the endpoint doesn't exist. */
type Answer = string | undefined;

export class ScriptedDaemon implements AsyncDisposable {
  readonly socketPath: string;
  readonly answers = new Map<string, Answer>([
    ['status', stringifyJson(encodeStatus({ ...NO_STATUS, Version: '1.0.0', BackendState: 'Running' }))],
    ['prefs', stringifyJson(encodePrefs(newPrefs()))],
    ['profiles/', '[]'],
    ['profiles/current', stringifyJson(encodeLoginProfile(NO_PROFILE))],
    ['policy/', '{}'],
  ]);
  /** Undefined = it is no rhumbd. */
  version: string | undefined = '0.1.0';
  /** It takes requests, and says nothing. */
  isHung = false;
  readonly asked: string[] = [];
  #server: Server | undefined;
  readonly #buses = new Set<ServerResponse>();
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.socketPath = join(folder, 'daemon.sock');
  }

  static async make(): Promise<ScriptedDaemon> {
    return new ScriptedDaemon(await mkdtemp(join(tmpdir(), 'rhumb-scripted-')));
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.socketPath, resolve));
  }

  /** As when it is killed: connections break wherever they are. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#buses.clear();
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  }

  /** How many follow its bus. */
  get watchers(): number {
    return this.#buses.size;
  }

  /** Bytes on the bus, whatever they are. */
  say(text: string): void {
    for (const bus of this.#buses) bus.write(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const name = (request.url ?? '').slice(API_PREFIX.length).split('?', 1)[0] ?? '';
    this.asked.push(name);
    if (this.isHung) return;
    if (this.version !== undefined) response.setHeader(HEADER_RHUMB, this.version);
    if (name === 'watch-ipn-bus') {
      response.writeHead(200).flushHeaders();
      this.#buses.add(response);
      response.on('close', () => this.#buses.delete(response));
      return;
    }
    const answer = this.answers.get(name);
    response.writeHead(answer === undefined ? 404 : 200, { 'Content-Type': 'application/json' });
    response.end(answer ?? '404 page not found\n');
  }
}
