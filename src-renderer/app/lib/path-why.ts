/** Why there is no direct path, in the language of the user: the daemon says it in a few fixed English clauses. */
import { type Key, t } from '../i18n/text.ts';
import { cut } from './foreign.tsx';

const LONGEST = 400;

/** As rhumbd's magicsock words them (src-daemon/magicsock/why.ts). */
const CLAUSES: readonly (readonly [RegExp, Key])[] = [
  [/^nothing was sent to it lately/, 'path.why.idle'],
  [/^still searching/, 'path.why.searching'],
  [/^it does not answer path probes/, 'path.why.noDisco'],
  [/^this network lets no UDP through/, 'path.why.noUdp'],
  [/^it announces no addresses/, 'path.why.noEndpoints'],
  [/^the NATs on both sides/, 'path.why.bothHard'],
  [/^the NAT here gives/, 'path.why.hardHere'],
  [/^the NAT there gives/, 'path.why.hardThere'],
  [/^probes get through on the direct path/, 'path.why.controlOnly'],
  [/^the direct path has stopped answering/, 'path.why.lost'],
];

const NO_ANSWER = /^no answer to \d+ probes? to (\d+) address(?:es)?$/;

/** What is in none of them is said as the daemon said it. */
export function whyText(clause: string): string {
  const addresses = NO_ANSWER.exec(clause)?.[1];
  if (addresses !== undefined) return t('path.why.noAnswer', { count: Number(addresses) });
  const known = CLAUSES.find(([pattern]) => pattern.test(clause));
  return known === undefined ? cut(clause, LONGEST) : t(known[1]);
}

/** Which side has a NAT that gives each destination another port, as far as the daemon says. */
export const isHardThere = (clause: string): boolean => /^the NAT(s on both sides| there)/.test(clause);
