/** Reading what Go servers and clients send: null, zero keys, zero times, unknown members. */
import { expect, test } from 'vitest';
import { mapResponse } from './map.ts';
import { node } from './node.ts';
import { registerRequest, registerResponse } from './register.ts';
import { formatTime, ZERO_TIME } from './scalars.ts';

const KEY = '50d20b455ecf12bc453f83c2cfdb2a24925d06cf2598dcaa54e91af82ce9f765';
const ZERO = '0'.repeat(64);

// control-protocol.md §12.12
const REGISTER = {
  Version: 130,
  NodeKey: `nodekey:${KEY}`,
  OldNodeKey: `nodekey:${ZERO}`,
  NLKey: `nlpub:${KEY}`,
  Auth: { AuthKey: 'hskey-auth-EXAMPLE' },
  Expiry: ZERO_TIME,
  Followup: '',
  Hostinfo: { IPNVersion: '1.90.0', BackendLogID: 'ab', OS: 'linux', Hostname: 'web1', Fancy: [1] },
  NodeKeySignature: null,
};

test('a register request keeps what it says and drops what means nothing', () => {
  const request = registerRequest.parse(REGISTER);
  expect(request.NodeKey).toBe(`nodekey:${KEY}`);
  expect(request.OldNodeKey).toBeUndefined();
  expect(request.Expiry).toBeUndefined();
  expect(request.Hostinfo?.['Fancy']).toEqual([1]);
  expect(registerRequest.parse({ ...REGISTER, Auth: null, Hostinfo: null }).Auth).toBeUndefined();
  // A past expiry with an offset is a logout; instants are compared, not texts.
  expect(registerRequest.parse({ ...REGISTER, Expiry: '1970-01-01T01:02:03+01:00' }).Expiry).toBe(123_000);
});

test.each([
  { NodeKey: 'nodekey:12' },
  { NodeKey: 5 },
  { Version: 'new' },
  { Expiry: 'yesterday' },
  { Hostinfo: 'x' },
])('refuses %j in a register request', (part) =>
  expect(registerRequest.safeParse({ ...REGISTER, ...part }).success).toBe(false),
);

test('a register response may have a zero user', () => {
  const response = registerResponse.parse({
    User: { ID: 0, DisplayName: '' },
    Login: { ID: 0, Provider: '', LoginName: '', DisplayName: '' },
    NodeKeyExpired: false,
    MachineAuthorized: false,
    AuthURL: 'https://vpn.example.com/register/x',
    NodeKeySignature: null,
    Error: '',
  });
  expect(response.AuthURL).toBe('https://vpn.example.com/register/x');
});

test('a map response tells null, empty and absent apart where the protocol does', () => {
  const parsed = mapResponse.parse({
    PacketFilter: [],
    PacketFilters: { base: null, extra: [] },
    Health: [],
    Peers: null,
  });
  expect(parsed.PacketFilter).toEqual([]);
  expect(parsed.PacketFilters).toEqual({ base: null, extra: [] });
  expect(parsed.Health).toEqual([]);
  expect(parsed.Peers).toBeUndefined();
  expect(mapResponse.parse({ PacketFilter: null }).PacketFilter).toBeUndefined();
});

test('a node with a big id, AllowedIPs [] and no keys is read', () => {
  const parsed = node.parse({
    ID: 9007199254740993n,
    StableID: 'n1',
    Name: 'a.b.',
    User: 1,
    Key: `nodekey:${KEY}`,
    DiscoKey: `discokey:${ZERO}`,
    Addresses: ['100.64.0.1/32'],
    AllowedIPs: [],
    Online: false,
    CapMap: { a: null, b: [] },
    Unknown: { x: 1 },
  });
  expect(parsed.DiscoKey).toBeUndefined();
  expect(parsed.AllowedIPs).toEqual([]);
  expect(parsed.Online).toBe(false);
  expect(parsed.CapMap).toEqual({ a: null, b: [] });
});

test('times are written in RFC 3339 and unset is the zero time', () => {
  expect(formatTime(undefined)).toBe('0001-01-01T00:00:00Z');
  expect(formatTime(0)).toBe('1970-01-01T00:00:00.000Z');
});
