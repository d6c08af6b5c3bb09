/** Opens a listener, or says in one line why not and what to do. */
import type { Server } from 'node:net';
import { RhumbError } from '#shared/errors.ts';
import { codeOf } from '#shared/node/net-error.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use: stop the other program, or choose another port',
  EACCES: 'not permitted: use a port above 1023, or run with the right to bind it',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'this host name has no address',
};

const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** Resolves with the port. `what` says what is served there. `::` is both families, or IPv4 where there is no other. */
export async function listen(server: Server, address: Address, what: string): Promise<number> {
  try {
    await open(server, address).catch((error: unknown) => {
      if (address.host !== '::' || !NO_IPV6.has(codeOf(error) ?? '')) throw error;
      return open(server, { ...address, host: '0.0.0.0' });
    });
  } catch (cause) {
    const text = WHY[codeOf(cause) ?? ''] ?? (cause instanceof Error ? cause.message : String(cause));
    const where = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
    throw new RhumbError('unavailable', `can't serve ${what} on ${where}: ${text}`, { cause });
  }
  return portOf(server);
}

const open = (server: Server, { host, port }: Address): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });

export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
