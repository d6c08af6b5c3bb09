/** An identity provider on a host of the lab: on its loopback, where plain HTTP is allowed. */
import { join } from 'node:path';
import type { Host } from './host.ts';
import { must, until } from './wait.ts';

const PROGRAM = join(import.meta.dirname, 'programs/identity-provider.ts');
const PORT = 9100;
const CLIENT = 'rhumb-lab';
const SECRET = 'only-in-the-lab';

/** The members of the server's `oidc` setting that say where the provider is. */
export const LAB_PROVIDER = {
  id: 'lab',
  name: 'Lab ID',
  issuer: `http://127.0.0.1:${PORT}`,
  clientId: CLIENT,
  clientSecret: SECRET,
  onlyStartIfAvailable: true,
} as const;

/** The provider shares the server's host. */
export async function startProvider(host: Host, redirectUri: string): Promise<void> {
  const argv = [process.execPath, PROGRAM, `${PORT}`, CLIENT, SECRET, redirectUri];
  const provider = host.spawn({ name: 'identity-provider', argv });
  await until(
    'the identity provider to serve',
    () => provider.output.includes('serving') || !provider.running,
  );
  must(provider.running, `the identity provider ended: ${provider.output}`);
}
