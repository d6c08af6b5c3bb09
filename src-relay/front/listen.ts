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

/** Resolves with the port. `what` says what is served there. */
export async function listen(server: Server, address: Address, what: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((cause: unknown) => {
    const text = WHY[codeOf(cause) ?? ''] ?? (cause instanceof Error ? cause.message : String(cause));
    const where = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
    throw new RhumbError('unavailable', `can't serve ${what} on ${where}: ${text}`, { cause });
  });
  return portOf(server);
}

export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
