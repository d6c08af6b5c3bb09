/** What a server's refusal means to a person, by its words: servers have no codes for it (desktop.md §5.2); pure. */

const MEANINGS = [
  ['used', /auth ?key.*already (?:been )?used|not reusable|already used.*auth ?key/],
  ['expired', /auth ?key.*(?:has )?expired|expired auth ?key/],
  ['revoked', /auth ?key.*revoked/],
  [
    'invalid',
    /invalid (?:auth ?)?key|auth ?key.*(?:not found|not valid|invalid|unknown)|api key does not exist|unable to validate api key/,
  ],
  ['tags', /tags?\b.*(?:invalid|not permitted|not allowed|not owned)/],
  [
    'elsewhere',
    /belongs to another machine|already (?:registered|in use).*(?:machine|node)|(?:machine|node) ?key.*(?:already|in use)/,
  ],
  [
    'full',
    /(?:too many|limit|maximum|quota).*(?:devices|machines|nodes)|(?:devices|machines|nodes).*(?:limit|quota)/,
  ],
  ['locked', /(?:tailnet|network) lock|not signed/],
  ['removed', /(?:machine|node|device|account|user).*(?:removed|deleted|disabled|suspended|revoked)/],
  ['tls', /certificate|tls handshake|does not speak tls/],
  [
    'network',
    /^dial |connection (?:refused|reset)|timed out|no such host|no route to host|unreachable|could not be looked up|no network/,
  ],
] as const satisfies readonly (readonly [string, RegExp])[];

export type LoginTrouble = (typeof MEANINGS)[number][0] | 'other';

/** More of a text than this says nothing new, and a pattern may take long. */
const READ = 500;

export function loginTrouble(message: string): LoginTrouble {
  const text = message.slice(0, READ).toLowerCase();
  return MEANINGS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other';
}
