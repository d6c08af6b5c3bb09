/** One admitted request on its way to a route. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '#shared/log/log.ts';
import type { Backend } from '../backend/backend.ts';
import type { MetricsRegistry } from '../metrics/metrics.ts';
import type { Actor } from './access.ts';

export interface ApiParts {
  readonly backend: Backend;
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
  readonly actor: Actor;
  readonly method: string;
  readonly query: URLSearchParams;
  /** What follows the route's name, for routes that end in a slash. */
  readonly rest: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborts when the client goes away or the daemon ends. */
  readonly signal: AbortSignal;
}
