/** One admitted request on its way to a route. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { Backend } from '../backend/backend.ts';
import type { MetricsRegistry } from '../metrics/metrics.ts';
import type { Actor } from './access.ts';
import type { NotifyLines } from './notify-line.ts';
import type { OptionalParts } from './parts.ts';

export interface ApiParts extends OptionalParts {
  readonly backend: Backend;
  readonly clock: Clock;
  /** Long version, in every reply. */
  readonly version: string;
  readonly capability: number;
  readonly clientMetrics: MetricsRegistry;
  readonly userMetrics: MetricsRegistry;
  /** Asks the program to end. */
  readonly shutdown: () => void;
  readonly log: Log;
}

export interface Call extends ApiParts {
  /** Messages of the bus as text, shared by all calls. */
  readonly lines: NotifyLines;
  readonly actor: Actor;
  readonly method: string;
  /** Of the address and, for a form, of the body. */
  readonly query: URLSearchParams;
  /** What follows the route's name, for routes that end in a slash. */
  readonly rest: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Of a request that asks for another protocol: its socket, and what came after the header. */
  readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
  /** Aborts when the client goes away or the daemon ends. */
  readonly signal: AbortSignal;
}
