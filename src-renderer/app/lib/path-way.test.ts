/** Ways of packets in words. */
import { expect, test } from 'vitest';
import { wayText } from './path-way.ts';

const relays = [{ id: 900, code: 'fra', name: 'Frankfurt', latencyMs: undefined }];

test.each([
  ['none', 'No path'],
  ['', 'No path'],
  ['direct 192.0.2.1:41641', 'Direct 192.0.2.1:41641'],
  ['direct [2001:db8::1]:41641', 'Direct [2001:db8::1]:41641'],
  ['relay relay 900', 'Relay Frankfurt'],
  ['relay relay 7', 'Relay 7'],
  ['direct+relay 192.0.2.1:41641 relay 900', 'Direct 192.0.2.1:41641, and copies by relay Frankfurt'],
  ['{"Endpoint":"x"}', '{"Endpoint":"x"}'],
])('%j is said as %j', (way, want) => expect(wayText(way, relays)).toBe(want));
