/** The HTTP API over a network in memory: requests go in as from the outer server, answers come out as JSON. */

import { silent } from '#shared/log/log.ts';
import { LOCAL } from '../admin/caller.ts';
import type { Scope } from '../admin/scopes.ts';
import { Credentials } from '../api/credentials.ts';
import { apiApp } from '../api/paths.ts';
import { noMeter } from '../state/meter.ts';
import { type AdminLab, adminLab } from './admin-lab.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
  readonly text: string;
}

export interface ApiLab extends AdminLab {
  /** A key with these scopes. */
  key(scopes: readonly Scope[]): Promise<string>;
  /** `auth` is a key's text, or a whole header. */
  ask(
    method: string,
    path: string,
    auth: string | undefined,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<ApiAnswer>;
}

export async function apiLab(): Promise<ApiLab> {
  const lab = await adminLab();
  const credentials = new Credentials(lab.network, lab.clock, silent);
  const app = apiApp({ admin: lab.deps, credentials, meter: noMeter, version: '0.0.0-test' });
  return {
    ...lab,
    key: async (scopes) => (await lab.call('apikeys.create', { scopes: [...scopes] }, LOCAL)).key,
    ask: async (method, path, auth, body, headers = {}) => {
      const bytes = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
      const authorization = auth === undefined || auth.includes(' ') ? auth : `Bearer ${auth}`;
      const request = new Request(`http://server${path}`, {
        method,
        headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
      });
      const answer = await app.fetch(request, { remoteAddress: '192.0.2.9', body: Buffer.from(bytes) });
      const text = await answer.text();
      const isJson = /^application\/(problem\+)?json/.test(answer.headers.get('content-type') ?? '');
      return {
        ...{ status: answer.status, headers: answer.headers, text },
        json: isJson && text !== '' ? JSON.parse(text) : undefined,
      };
    },
  };
}
