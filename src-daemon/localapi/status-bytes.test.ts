/** The status in pieces says the same as the status at once. */
import { expect, test } from 'vitest';
import { encodeStatus, NO_PEER, NO_STATUS, type Status } from '#shared/localapi/status.ts';
import { NO_USER } from '#shared/localapi/user.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import { statusBytes } from './status-bytes.ts';

const peer = {
  ...NO_PEER,
  NodeID: 9_007_199_254_740_993n,
  HostName: 'ü "quoted" \u2028',
  Created: 1_700_000_000_123,
  LastSeen: 1_700_000_000_120,
  CapMap: { a: null, b: [{ deep: 9_007_199_254_740_995n }] },
  Tags: [],
};
const statuses: readonly Status[] = [
  NO_STATUS,
  { ...NO_STATUS, Peer: {} },
  {
    ...NO_STATUS,
    Peer: { 'nodekey:1': peer, 'nodekey:2': { ...peer, Online: true } },
    User: { '1': { ...NO_USER, ID: 9_007_199_254_740_993n } },
  },
];

test.each(statuses.map((status) => ({ status, peers: Object.keys(status.Peer ?? {}).length })))(
  '$peers peers',
  ({ status }) => {
    const want = parseJson(stringifyJson(encodeStatus(status)));
    for (let i = 0; i < 2; i++) expect(parseJson(statusBytes(status).toString('utf8'))).toEqual(want);
  },
);
