/** The flags of `rhumb` itself. */
import { DEFAULT_SOCKET } from '#shared/localapi/socket.ts';
import type { Flag } from '../commands/spec.ts';

const SOCKET_ENV = 'RHUMB_SOCKET';

export const rootFlags = (env: Readonly<Record<string, string | undefined>>): readonly Flag[] => [
  {
    name: 'socket',
    kind: 'text',
    value: 'path',
    initial: env[SOCKET_ENV] || DEFAULT_SOCKET,
    about: `socket of rhumbd; ${SOCKET_ENV} in the environment does the same`,
  },
  { name: 'json-docs', kind: 'bool', about: 'print all commands and flags as JSON', isHidden: true },
];
