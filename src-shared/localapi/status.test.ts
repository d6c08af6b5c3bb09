/** Tests of Status, Notify and the small replies: what is written, what is read, the mask of a watch. */
import { describe, expect, test } from 'vitest';
import { nodeKeyFrom } from '../key/key.ts';
import { parseJson, stringifyJson } from '../wire/json.ts';
import { node } from '../wire/node.ts';
import { decodeReason, encodeError, encodeReason, errorText, isAdmitted, LOCAL_HOST } from './http.ts';
import { encodePingResult, encodeWhoIs, NO_PING, parsePingKind, pingResult, whoIsResponse } from './misc.ts';
import { encodeNode, encodePeerChange } from './node.ts';
import { encodeNotify, notify, parseWatchMask, Watch } from './notify.ts';
import { newPrefs } from './prefs.ts';
import { encodeStatus, NO_PEER, NO_STATUS, State, type Status, stateName, status } from './status.ts';
import { encodeLoginProfile, loginProfile, NO_PROFILE, NO_USER } from './user.ts';

const KEY = nodeKeyFrom(new Uint8Array(32).fill(1));
const ZERO_KEY = `nodekey:${'0'.repeat(64)}`;
const BIG = 9007199254740993n;
const ZERO_TIME = '0001-01-01T00:00:00Z';

describe('Status', () => {
  test('before a login has a Self of zeros and nulls in the places of lists', () => {
    const encoded = encodeStatus({ ...NO_STATUS, BackendState: 'NeedsLogin' });
    expect(Object.keys(encoded)).toEqual([
      'Version',
      'TUN',
      'BackendState',
      'AuthURL',
      'TailscaleIPs',
      'Self',
      'Health',
      'MagicDNSSuffix',
      'CurrentTailnet',
      'CertDomains',
      'ExtraRecords',
      'Peer',
      'User',
      'ClientVersion',
    ]);
    expect(encoded).toMatchObject({ TailscaleIPs: null, Health: null, Peer: null, CurrentTailnet: null });
    expect(encoded['Self']).toEqual({
      ID: '',
      NodeID: 0,
      PublicKey: ZERO_KEY,
      HostName: '',
      DNSName: '',
      OS: '',
      UserID: 0,
      TailscaleIPs: null,
      Addrs: null,
      CurAddr: '',
      Relay: '',
      PeerRelay: '',
      RxBytes: 0,
      TxBytes: 0,
      Created: ZERO_TIME,
      LastWrite: ZERO_TIME,
      LastSeen: ZERO_TIME,
      LastHandshake: ZERO_TIME,
      Online: false,
      ExitNode: false,
      ExitNodeOption: false,
      Active: false,
      PeerAPIURL: null,
      TaildropTarget: 0,
      NoFileSharingReason: '',
      InNetworkMap: false,
      InMagicSock: false,
      InEngine: false,
    });
  });

  const full: Status = {
    ...NO_STATUS,
    Version: '0.1.0',
    BackendState: 'Running',
    HaveNodeKey: true,
    TailscaleIPs: ['100.64.0.1'],
    Health: ['a < b'],
    CurrentTailnet: { Name: 'net', MagicDNSSuffix: 'net.example', MagicDNSEnabled: true },
    ExitNodeStatus: { ID: 'n2', Online: true, TailscaleIPs: ['100.64.0.2/32'] },
    ExtraRecords: [
      { Name: 'a', Type: '', Value: '1.2.3.4' },
      { Name: 'b', Type: 'AAAA', Value: '::1' },
    ],
    ClientVersion: {
      RunningLatest: true,
      LatestVersion: '',
      UrgentSecurityUpdate: false,
      Notify: false,
      NotifyURL: '',
      NotifyText: '',
    },
    Peer: {
      [KEY]: {
        ...NO_PEER,
        ID: 'n2',
        NodeID: BIG,
        PublicKey: KEY,
        UserID: BIG,
        AllowedIPs: [],
        Tags: ['tag:a'],
        KeyExpiry: Date.UTC(2026, 5, 1),
        CapMap: { cap: null, other: [1] },
        Location: {
          Country: 'SE',
          CountryCode: '',
          City: '',
          CityCode: '',
          Latitude: 0,
          Longitude: 18.5,
          Priority: 0,
        },
      },
    },
    User: { [String(BIG)]: { ...NO_USER, ID: BIG, LoginName: 'a@b' } },
  };

  test('reads back as it was written, ids beyond 2^53 included', () => {
    expect(status.parse(parseJson(stringifyJson(encodeStatus(full))))).toEqual(full);
  });

  test('omits what the official client omits', () => {
    const peer = (encodeStatus(full)['Peer'] as Record<string, object>)[KEY];
    // A pointer to an empty slice is kept; an empty slice with omitempty would not be.
    expect(peer).toMatchObject({ AllowedIPs: [], Location: { Country: 'SE', Longitude: 18.5 } });
    expect(Object.keys(peer ?? {})).not.toContain('AltSharerUserID');
    expect(encodeStatus(full)['ClientVersion']).toEqual({ RunningLatest: true });
    expect(encodeStatus(full)['ExtraRecords']).toEqual([
      { Name: 'a', Value: '1.2.3.4' },
      { Name: 'b', Type: 'AAAA', Value: '::1' },
    ]);
  });

  test('of another daemon is read with what is there', () => {
    expect(status.parse({ BackendState: 'Future', Self: null, Extra: {} })).toMatchObject({
      BackendState: 'Future',
      Self: NO_PEER,
    });
    expect(status.safeParse({ Self: { PublicKey: 'nodekey:xyz' } }).success).toBe(false);
  });

  test('states have numbers and names', () => {
    expect(stateName(State.Running)).toBe('Running');
    expect(stateName(7)).toBeUndefined();
    expect(Object.values(State)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});

describe('Notify', () => {
  test('without news has only the nulls that others expect', () => {
    expect(JSON.stringify(encodeNotify({ Version: 'v' }))).toBe(
      '{"Version":"v","ErrMessage":null,"LoginFinished":null,"State":null,"Prefs":null,"NetMap":null,' +
        '"Engine":null,"BrowseToURL":null,"DriveShares":null}',
    );
  });

  test('State 0 is news, and so is an empty URL', () => {
    expect(encodeNotify({ State: 0, BrowseToURL: '' })).toMatchObject({ State: 0, BrowseToURL: '' });
  });

  test('reads back as it was written', () => {
    const message = {
      Version: 'v',
      SessionID: 's',
      LoginFinished: {},
      State: 6,
      Prefs: newPrefs(),
      InitialStatus: NO_STATUS,
      PeersRemoved: [1, BIG],
      UserProfiles: { '5': { ...NO_USER, ID: 5 } },
      PeerState: { n2: { PeerWireGuardState: 'established', PeerWireGuardStateAt: 1_000 } },
      Engine: {
        RBytes: 1,
        WBytes: BIG,
        NumLive: 1,
        LiveDERPs: 0,
        LivePeers: { [KEY]: { NodeKey: KEY, TxBytes: 1, RxBytes: 2, LastHandshake: undefined } },
      },
      Health: {
        Warnings: {
          x: {
            WarnableCode: 'x',
            Severity: 'high',
            Title: 't',
            Text: 'u',
            BrokenSince: 5_000,
            Args: { a: 'b' },
            DependsOn: ['y'],
            ImpactsConnectivity: true,
            PrimaryAction: { URL: 'https://x', Label: 'l' },
            ETag: '',
          },
        },
      },
    } as const;
    const text = stringifyJson(encodeNotify(message));
    expect(text).not.toContain('\n');
    expect(notify.parse(parseJson(text))).toMatchObject(message);
  });

  test('a node goes out as it came in, with times and keys in their forms', () => {
    const raw = {
      ID: BIG,
      StableID: 'n1',
      Name: 'a.',
      User: 1,
      Key: KEY,
      KeyExpiry: '2026-06-01T00:00:00.12Z',
      Addresses: ['100.64.0.1/32'],
      AllowedIPs: [],
      Online: false,
      ComputedName: 'a',
      Tags: [],
      Expired: false,
    };
    expect(encodeNode(node.parse(raw))).toEqual({ ...raw, Tags: undefined, Expired: undefined });
    expect(encodeNode(node.parse({ ID: 1, StableID: '', Name: '', User: 1 }))).toEqual({
      ID: 1,
      StableID: '',
      Name: '',
      User: 1,
      Key: ZERO_KEY,
      Addresses: null,
    });
    const change = { NodeID: 1, Online: true, LastSeen: 0 } as never;
    expect(encodePeerChange(change)).toEqual({
      NodeID: 1,
      Online: true,
      LastSeen: '1970-01-01T00:00:00Z',
    });
  });
});

describe('the mask of a watch', () => {
  test.each([
    [undefined, 0],
    ['', 0],
    ['0', 0],
    ['287', 287],
    [String(Watch.PeerPatches), Watch.PeerPatches | Watch.PeerChanges],
    [String(1 << 30), 1 << 30],
    ['-1', 'bad mask'],
    ['1x', 'bad mask'],
    ['0x10', 'bad mask'],
    ['99999999999', 'bad mask'],
  ])('%j reads as %j', (raw, want) => {
    expect(parseWatchMask(raw)).toBe(want);
  });

  test.each([4_096, 8_192, 16_384, 32_768])('rate limit does not go with %d', (bit) => {
    expect(parseWatchMask(String(Watch.RateLimit | bit))).toMatch(/^mask bit 256/);
  });

  test('bit 65536 is refused', () => {
    expect(parseWatchMask('65536')).toMatch(/^mask bit 65536/);
  });
});

describe('small replies', () => {
  test('ping results', () => {
    const result = { ...NO_PING, IP: '100.64.0.2', LatencySeconds: 0.5, Endpoint: '192.0.2.1:1' };
    expect(encodePingResult(result)).toEqual({
      IP: '100.64.0.2',
      NodeIP: '',
      NodeName: '',
      Err: '',
      LatencySeconds: 0.5,
      Endpoint: '192.0.2.1:1',
      PeerRelay: '',
      DERPRegionID: 0,
      DERPRegionCode: '',
    });
    expect(pingResult.parse(encodePingResult(result))).toEqual(result);
    expect([parsePingKind('TSMP'), parsePingKind('tsmp')]).toEqual(['TSMP', undefined]);
  });

  test('whois has a null map of capabilities when there are none', () => {
    const Node = node.parse({ ID: 1, StableID: 'n', Name: 'a.', User: 5, Key: KEY });
    const reply = { Node, UserProfile: { ...NO_USER, ID: 5 }, CapMap: undefined };
    expect(encodeWhoIs(reply)).toMatchObject({ CapMap: null, UserProfile: { ID: 5 } });
    expect(whoIsResponse.parse(encodeWhoIs(reply))).toEqual(reply);
  });

  test('profiles', () => {
    expect(encodeLoginProfile(NO_PROFILE)).toEqual({
      ID: '',
      Name: '',
      NetworkProfile: { MagicDNSName: '', DomainName: '', DisplayName: '' },
      Key: '',
      UserProfile: { ID: 0, LoginName: '', DisplayName: '' },
      NodeID: '',
      LocalUserID: '',
      ControlURL: '',
    });
    const one = { ...NO_PROFILE, ID: 'abcd', Created: Date.UTC(2026, 0, 1) };
    expect(loginProfile.parse(encodeLoginProfile(one))).toEqual(one);
  });
});

describe('HTTP conventions', () => {
  test.each([
    [{ host: LOCAL_HOST }, true],
    [{ host: '' }, true],
    [{}, true],
    [{ host: 'localhost' }, false],
    [{ host: 'evil.example' }, false],
    [{ host: `${LOCAL_HOST}:80` }, false],
    [{ host: LOCAL_HOST, origin: 'null' }, false],
    [{ host: LOCAL_HOST, referer: 'https://x' }, false],
  ])('%j is admitted: %s', (head, want) => {
    expect(isAdmitted({ host: undefined, origin: undefined, referer: undefined, ...head })).toBe(want);
  });

  test('errors are read in every form', () => {
    expect(errorText(JSON.stringify(encodeError('m')))).toBe('m');
    expect(errorText('{"error":" m "}')).toBe('m');
    expect(errorText('plain text\n')).toBe('plain text');
    expect(errorText('{"other":1}')).toBe('{"other":1}');
  });

  test('reasons survive, malformed ones are told apart from none', () => {
    expect(decodeReason(encodeReason('Wartung – später'))).toBe('Wartung – später');
    expect(decodeReason(undefined)).toBeUndefined();
    for (const bad of ['!', 'YQ', '/w==', 'A'.repeat(9_000)]) expect(decodeReason(bad)).toBe(false);
  });
});
