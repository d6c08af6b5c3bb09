/** Events of a coordination server, run in turn with what users ask; those of a session that has ended are dropped. */
import type { Log } from '#shared/log/log.ts';
import type { ControlEvents, LoginFinished, MapChange, NetworkMap } from '../control/types.ts';
import type { Pinger } from './ping.ts';
import type { Serial } from './serial.ts';
import { answerServerPing } from './server-ping.ts';
import type { Session } from './session.ts';

export interface SessionHandlers {
  /** The session whose events these are, or undefined once another has taken its place. */
  current(): Session | undefined;
  authUrl(session: Session, url: string): void;
  loginFailed(session: Session, message: string): void;
  loginFinished(session: Session, login: LoginFinished): Promise<void>;
  netmap(map: NetworkMap, change: MapChange): Promise<void>;
  /** Something of the session itself changed. */
  changed(): void;
  openUrl(session: Session, url: string): void;
  readonly pinger: Pick<Pinger, 'ping'>;
  map(): NetworkMap | undefined;
}

export function controlEvents(serial: Serial, log: Log, handlers: SessionHandlers): ControlEvents {
  const post = (handle: (session: Session) => Promise<void> | void): void => {
    serial
      .run(async () => {
        const session = handlers.current();
        if (session !== undefined) await handle(session);
      })
      .catch((error: unknown) => log('error', 'backend.event-failed', { error }));
  };
  return {
    authUrl: (url) => post((session) => handlers.authUrl(session, url)),
    loginFailed: (message) => post((session) => handlers.loginFailed(session, message)),
    loginFinished: (login) => post((session) => handlers.loginFinished(session, login)),
    netmap: (map, change) => post(() => handlers.netmap(map, change)),
    connection: ({ up, error }) =>
      post((session) => {
        session.up = up;
        session.connectionError = error ?? '';
        handlers.changed();
      }),
    openUrl: (url) => post((session) => handlers.openUrl(session, url)),
    ping: (request) => {
      const client = handlers.current()?.client;
      if (client !== undefined)
        answerServerPing(request, { client, pinger: handlers.pinger, map: handlers.map() });
    },
  };
}
