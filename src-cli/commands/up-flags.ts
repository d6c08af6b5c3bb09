/** The flags of `up`, `login` and `set`. */
import { QR_FORMATS } from '../print/qr-format.ts';
import { prefFlags, settableFlags } from './pref-flags.ts';
import type { Flag } from './spec.ts';

const RISKS = ['lose-ssh', 'mac-app-connector', 'all'] as const;

export const acceptRiskFlag: Flag = {
  name: 'accept-risk',
  kind: 'text',
  value: 'risk',
  about: `don't ask before these risks: ${RISKS.join(', ')}`,
};

/** Flags of `up` and `login` that are no preferences. */
const LOGIN: readonly Flag[] = [
  {
    name: 'auth-key',
    kind: 'text',
    value: 'key|file:path',
    about: 'key that admits this machine without a browser',
  },
  { name: 'qr', kind: 'bool', about: 'also show the login URL as a QR code' },
  {
    name: 'qr-format',
    kind: 'text',
    initial: 'auto',
    value: QR_FORMATS.join('|'),
    choices: QR_FORMATS,
    about: 'how to draw it',
  },
  { name: 'timeout', kind: 'duration', about: 'how long to wait until connected; 0s for no end' },
  ...['client-id', 'client-secret', 'id-token', 'audience'].map(
    (name): Flag => ({
      name,
      kind: 'text',
      about: 'sign in by workload identity; coordination servers of this project want --auth-key instead',
      isHidden: true,
    }),
  ),
];

const UP_ONLY: readonly Flag[] = [
  { name: 'json', kind: 'bool', about: 'print JSON' },
  { name: 'reset', kind: 'bool', about: 'settings that are not mentioned go back to their defaults' },
  {
    name: 'force-reauth',
    kind: 'bool',
    about: 'log in anew; the connection may go down, so not over SSH through it',
  },
  { name: 'host-routes', kind: 'bool', initial: true, about: 'has no effect any more', isHidden: true },
  acceptRiskFlag,
];

const LOGIN_ONLY: readonly Flag[] = [
  { name: 'nickname', kind: 'text', value: 'name', about: 'short name for this account' },
];

export const upFlags = (platform: string): readonly Flag[] => [...LOGIN, ...prefFlags(platform), ...UP_ONLY];
export const loginFlags = (platform: string): readonly Flag[] => [
  ...LOGIN,
  ...prefFlags(platform),
  ...LOGIN_ONLY,
];
export const setFlags = (platform: string): readonly Flag[] => [...settableFlags(platform), acceptRiskFlag];
