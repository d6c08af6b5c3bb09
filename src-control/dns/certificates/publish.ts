/** The ways to publish a challenge: an update of a DNS server, a program, the responder inside. */
import { execFile } from 'node:child_process';
import { RhumbError } from '#shared/errors.ts';
import { askTcp } from './ask.ts';
import type { PublishWay, UpdateSettings } from './settings.ts';
import { checkUpdateAnswer, updateMessage } from './update-message.ts';

/** Puts TXT records where the world sees them. Both may be called again for what is there or gone already. */
export interface Publisher {
  add(name: string, value: string, signal: AbortSignal): Promise<void>;
  remove(name: string, value: string, signal: AbortSignal): Promise<void>;
  /** What an earlier run of the server added, for ways that forget with it. */
  restore(name: string, value: string): void;
}

export interface PublisherDeps {
  readonly nowMs: () => number;
  /** For message ids: an integer below 65 536. */
  readonly messageId: () => number;
  /** The responder's own records; undefined without a responder. */
  readonly responder:
    | {
        addChallenge(name: string, value: string): void;
        removeChallenge(name: string, value: string): void;
      }
    | undefined;
}

/** Short, so that a mistake is not remembered for long. */
const TTL_SECONDS = 60;
/** Of what a program prints when it fails; it goes into the log. */
const MAX_OUTPUT = 4_096;

export function openPublisher(way: PublishWay, deps: PublisherDeps): Publisher {
  switch (way.kind) {
    case 'update':
      return updatePublisher(way, deps);
    case 'exec':
      return execPublisher(way.command);
    case 'responder':
      return responderPublisher(deps);
    default:
      return way satisfies never;
  }
}

function updatePublisher({ server, zone, key }: UpdateSettings, deps: PublisherDeps): Publisher {
  const change = async (
    kind: 'add' | 'remove',
    name: string,
    value: string,
    signal: AbortSignal,
  ): Promise<void> => {
    const ttlSeconds = TTL_SECONDS;
    const request = updateMessage(
      zone,
      { kind, name, value, ttlSeconds },
      key,
      deps.messageId(),
      deps.nowMs(),
    );
    // By TCP: it needs no repetition, and no firewall takes it for an attack.
    const reply = await askTcp(server, request.bytes, signal);
    checkUpdateAnswer(reply, request, key, deps.nowMs());
  };
  return {
    add: (name, value, signal) => change('add', name, value, signal),
    remove: (name, value, signal) => change('remove', name, value, signal),
    restore: () => undefined,
  };
}

/** The program itself, no shell: what a machine sends can't become a command. */
function execPublisher([program = '', ...args]: readonly string[]): Publisher {
  const run = (action: 'add' | 'remove', name: string, value: string, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      execFile(
        program,
        [...args, action, name, value],
        { signal, maxBuffer: MAX_OUTPUT, killSignal: 'SIGKILL', env: { PATH: process.env['PATH'] } },
        (error, _stdout, stderr) => {
          if (error === null) {
            resolve();
            return;
          }
          const why = signal.aborted ? 'it took too long' : stderr.trim().split('\n').at(-1) || error.message;
          reject(new RhumbError('unavailable', `${program} ${action} ${name}: ${why}`, { cause: error }));
        },
      );
    });
  return {
    add: (name, value, signal) => run('add', name, value, signal),
    remove: (name, value, signal) => run('remove', name, value, signal),
    restore: () => undefined,
  };
}

function responderPublisher({ responder }: PublisherDeps): Publisher {
  if (responder === undefined)
    throw new RhumbError('internal', 'a responder was to publish, and there is none');
  return {
    add: async (name, value) => responder.addChallenge(name, value),
    remove: async (name, value) => responder.removeChallenge(name, value),
    restore: (name, value) => responder.addChallenge(name, value),
  };
}
