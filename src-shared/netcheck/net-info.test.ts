/** What the coordination server is told of a report, and when again (control-protocol.md §4.4). */
import { expect, test } from 'vitest';
import { hostinfo } from '../wire/hostinfo.ts';
import { isMateriallyEqual, netInfoOf } from './net-info.ts';
import { type NetReport, newDraft } from './report.ts';

const report: NetReport = {
  ...newDraft(),
  udp: true,
  ipv4: true,
  osHasIpv6: true,
  mappingVariesByDestIp: false,
  upnp: false,
  pmp: true,
  preferredDerp: 900,
  regionV4LatencyMs: new Map([[900, 12.5]]),
  regionV6LatencyMs: new Map([[901, 250]]),
};
const extras = { home: 900, havePortMap: false };

test('what is known is said, in the names and units of the wire', () => {
  const info = netInfoOf(report, extras);
  expect(info).toEqual({
    MappingVariesByDestIP: false,
    WorkingIPv6: false,
    OSHasIPv6: true,
    WorkingUDP: true,
    WorkingICMPv4: false,
    UPnP: false,
    PMP: true,
    PreferredDERP: 900,
    DERPLatency: { '900-v4': 0.0125, '901-v6': 0.25 },
  });
  expect(hostinfo.safeParse({ NetInfo: info }).success).toBe(true);
});

test('what is not known is left out', () => {
  expect(netInfoOf(newDraft(), { home: 0, havePortMap: false })).toEqual({
    WorkingIPv6: false,
    OSHasIPv6: false,
    WorkingUDP: false,
    WorkingICMPv4: false,
  });
});

test('only what is material is worth another message', () => {
  const info = netInfoOf(report, extras);
  const slower = netInfoOf({ ...report, regionV4LatencyMs: new Map([[900, 99]]) }, extras);
  expect(isMateriallyEqual(info, slower)).toBe(true);
  expect(isMateriallyEqual(info, netInfoOf({ ...report, mappingVariesByDestIp: undefined }, extras))).toBe(
    false,
  );
  expect(isMateriallyEqual(info, netInfoOf(report, { ...extras, home: 901 }))).toBe(false);
  expect(isMateriallyEqual(info, netInfoOf(report, { ...extras, havePortMap: true }))).toBe(false);
  expect(isMateriallyEqual(info, netInfoOf(report, { ...extras, firewallMode: 'nft-default' }))).toBe(false);
  expect(isMateriallyEqual(info, undefined)).toBe(false);
  expect(isMateriallyEqual(undefined, undefined)).toBe(true);
});
