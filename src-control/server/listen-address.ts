/** Addresses to listen on, as people write them. */
import { isIP } from 'node:net';
import { RhumbError } from '#shared/errors.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export function parseListen(value: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2] ?? '';
  const isHost = host === '' || isIP(host) !== 0 || /^[A-Za-z0-9.-]{1,253}$/.test(host);
  if (match === null || port > 65_535 || !isHost)
    throw new RhumbError(
      'bad-argument',
      `"${value}" is not an address to listen on: write 127.0.0.1:8080, [::1]:8080 or :8080`,
    );
  return { host: host === '' ? '::' : host, port };
}
