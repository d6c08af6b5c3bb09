/** Refusals of control servers, in their own words, and what they mean. */
import { expect, test } from 'vitest';
import { loginTrouble } from './login-trouble.ts';

test.each([
  ['auth key already used: ask for a new one, or for a reusable one (rhumb-control …)', 'used'],
  ['authkey already used', 'used'],
  ['auth key already used 5 times: ask for a new one', 'used'],
  ['auth key expired: ask for a new one (rhumb-control preauthkeys create)', 'expired'],
  ['authkey expired', 'expired'],
  ['auth key revoked: ask for a new one', 'revoked'],
  ['invalid auth key: check that it was copied whole and comes from this server', 'invalid'],
  ['invalid key: API key does not exist', 'invalid'],
  ['invalid key: unable to validate API key', 'invalid'],
  ['AuthKey not found', 'invalid'],
  ['requested tags [tag:web] are invalid or not permitted', 'tags'],
  ['this node key belongs to another machine', 'elsewhere'],
  ['device limit reached: this network has 100 devices', 'full'],
  ['too many devices in this tailnet', 'full'],
  ['node is locked out by tailnet lock', 'locked'],
  ['this device was removed from the network', 'removed'],
  ['dial control server https://x.example: its certificate has expired', 'tls'],
  ['dial control server https://x.example: connection refused; check the address', 'network'],
  ['something that nobody foresaw', 'other'],
  [`${'x'.repeat(100_000)} auth key expired`, 'other'],
])('%s', (message, want) => {
  expect(loginTrouble(message)).toBe(want);
});
