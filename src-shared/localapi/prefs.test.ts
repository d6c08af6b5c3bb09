/** Tests of preferences on the wire: names, order and omissions, edits by mask, bounds. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  applyPrefsEdit,
  encodeMaskedPrefs,
  encodePrefs,
  encodeStartOptions,
  newPrefs,
  type PrefsEdit,
  parseMaskedPrefs,
  parsePrefs,
  parseStartOptions,
  samePrefs,
} from './prefs.ts';
import { NO_USER } from './user.ts';

/** What a daemon of the official client answers for a new profile, field by field in order. */
const NEW_PROFILE =
  '{"ControlURL":"","RouteAll":false,"ExitNodeID":"","ExitNodeIP":"","InternalExitNodePrior":"",' +
  '"ExitNodeAllowLANAccess":false,"CorpDNS":true,"RunSSH":false,"RunWebClient":false,"WantRunning":false,' +
  '"LoggedOut":false,"ShieldsUp":false,"AdvertiseTags":null,"Hostname":"","NotepadURLs":false,' +
  '"AdvertiseRoutes":null,"AdvertiseServices":null,"Sync":null,"NoSNAT":false,"NoStatefulFiltering":true,' +
  '"NetfilterMode":2,"AutoUpdate":{"Check":true,"Apply":null},"AppConnector":{"Advertise":false},' +
  '"PostureChecking":false,"NetfilterKind":"","RemoteConfig":false,"DriveShares":null,"Config":null}';

describe('on the wire', () => {
  test('a new profile has exactly these fields', () => {
    expect(JSON.stringify(encodePrefs(newPrefs()))).toBe(NEW_PROFILE);
  });

  test('optional fields appear in their places', () => {
    const text = JSON.stringify(
      encodePrefs({
        ...newPrefs(),
        AutoExitNode: 'any',
        ForceDaemon: true,
        NoStatefulFiltering: false,
        OperatorUser: 'alice',
        ProfileName: 'work',
        Sync: false,
        RelayServerPort: 0,
      }),
    );
    expect(text).toContain('"ExitNodeIP":"","AutoExitNode":"any","InternalExitNodePrior":""');
    expect(text).toContain('"NotepadURLs":false,"ForceDaemon":true,"AdvertiseRoutes":null');
    expect(text).toContain('"Sync":false,"NoSNAT":false,"NoStatefulFiltering":false,"NetfilterMode":2,');
    expect(text).toContain('"OperatorUser":"alice","ProfileName":"work","AutoUpdate"');
    expect(text).toContain('"DriveShares":null,"RelayServerPort":0,"Config":null');
  });

  test('the identity has a user and no keys', () => {
    const Config = { UserProfile: { ...NO_USER, ID: 9007199254740993n, LoginName: 'a@b' }, NodeID: 'n1' };
    const encoded = encodePrefs({ ...newPrefs(), Config })['Config'];
    expect(encoded).toEqual({
      PrivateNodeKey: `privkey:${'0'.repeat(64)}`,
      OldPrivateNodeKey: `privkey:${'0'.repeat(64)}`,
      UserProfile: { ID: 9007199254740993n, LoginName: 'a@b', DisplayName: '' },
      NetworkLockKey: `nlpriv:${'0'.repeat(128)}`,
      NodeID: 'n1',
    });
    expect(parsePrefs({ Config: encoded }).Config).toEqual(Config);
  });

  test('reading takes null and absence as zero and drops what it does not know', () => {
    expect(
      parsePrefs({ CorpDNS: null, ExitNodeIP: null, NetfilterMode: null, AllowSingleHosts: true }),
    ).toEqual(parsePrefs({}));
    expect(parsePrefs({ ExitNodeIP: '::0001' }).ExitNodeIP).toBe('::1');
  });

  test('writing and reading give the same', () => {
    expect(parsePrefs(JSON.parse(NEW_PROFILE))).toEqual(newPrefs());
  });

  test.each([
    ['a string for a bool', { WantRunning: 'yes' }, /WantRunning/],
    ['a bad address', { ExitNodeIP: '1.2.3' }, /not an IP address: "1\.2\.3"/],
    ['a route without a length', { AdvertiseRoutes: ['10.0.0.0'] }, /not an IP prefix/],
    ['an endpoint without a port', { RelayServerStaticEndpoints: ['10.0.0.1'] }, /with a port/],
    ['a port out of range', { RelayServerPort: 65_536 }, /RelayServerPort/],
    ['too many routes', { AdvertiseRoutes: new Array(4_097).fill('10.0.0.0/8') }, /AdvertiseRoutes/],
    ['a mode that does not exist', { NetfilterMode: 3 }, /NetfilterMode/],
    ['no object', 'x', /^invalid prefs/],
  ])('%s is refused', (_name, json, message) => {
    expect(() => parsePrefs(json)).toThrow(message);
    expect(() => parseMaskedPrefs(json)).toThrow(message);
  });
});

describe('edits', () => {
  test('only fields with their bit set change, whatever else is there', () => {
    const body = { ...JSON.parse(NEW_PROFILE), Hostname: 'x', ShieldsUp: true, WantRunningSet: true };
    expect(parseMaskedPrefs(body)).toEqual({ WantRunning: false });
    expect(parseMaskedPrefs({ Hostname: 'x', HostnameSet: false, UnknownSet: true })).toEqual({});
  });

  test('unset is a value of its own', () => {
    const edit = parseMaskedPrefs({ SyncSet: true, Sync: null, AdvertiseRoutesSet: true });
    expect(Object.keys(edit)).toEqual(['AdvertiseRoutes', 'Sync']);
    expect(applyPrefsEdit({ ...newPrefs(), Sync: false, AdvertiseRoutes: ['::/0'] }, edit)).toEqual(
      newPrefs(),
    );
  });

  test('the mask of AutoUpdate is an object', () => {
    const body = { AutoUpdate: { Check: false, Apply: true }, AutoUpdateSet: { ApplySet: true } };
    const edit = parseMaskedPrefs(body);
    expect(edit).toEqual({ AutoUpdate: { Apply: true } });
    expect(applyPrefsEdit(newPrefs(), edit).AutoUpdate).toEqual({ Check: true, Apply: true });
    expect(encodeMaskedPrefs(edit)).toEqual({
      AutoUpdate: { Check: false, Apply: true },
      AutoUpdateSet: { CheckSet: false, ApplySet: true },
    });
  });

  test('internal fields are not for clients', () => {
    expect(() => parseMaskedPrefs({ InternalExitNodePriorSet: true })).toThrow("can't set Internal fields");
  });

  test('one that changes nothing gives the same object', () => {
    const current = newPrefs();
    expect(applyPrefsEdit(current, { CorpDNS: true, AdvertiseTags: [] })).toBe(current);
    expect(applyPrefsEdit(current, {})).toBe(current);
    expect(applyPrefsEdit(current, { CorpDNS: false })).not.toBe(current);
    expect(samePrefs(current, { ...current, Sync: false })).toBe(false);
  });

  test('what is sent is what is read', () => {
    const anEdit: fc.Arbitrary<PrefsEdit> = fc.record(
      {
        WantRunning: fc.boolean(),
        Hostname: fc.string({ maxLength: 63 }),
        Sync: fc.option(fc.boolean(), { nil: undefined }),
        NoStatefulFiltering: fc.option(fc.boolean(), { nil: undefined }),
        AdvertiseTags: fc.option(fc.array(fc.string(), { maxLength: 5 }), { nil: undefined }),
        NetfilterMode: fc.constantFrom(0, 1, 2),
        AutoUpdate: fc.record({ Check: fc.boolean() }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(anEdit, (edit) => {
        expect(parseMaskedPrefs(JSON.parse(JSON.stringify(encodeMaskedPrefs(edit))))).toEqual(edit);
      }),
    );
  });
});

describe('start options', () => {
  test('go through whole', () => {
    const options = { UpdatePrefs: { ...newPrefs(), Hostname: 'x' }, AuthKey: 'k' };
    const encoded = encodeStartOptions(options);
    expect(Object.keys(encoded)).toEqual(['FrontendLogID', 'UpdatePrefs', 'AuthKey']);
    expect(parseStartOptions(JSON.parse(JSON.stringify(encoded)))).toEqual(options);
  });

  test('may have no preferences', () => {
    expect(encodeStartOptions({ UpdatePrefs: undefined, AuthKey: '' })).toMatchObject({ UpdatePrefs: null });
    expect(parseStartOptions({})).toEqual({ UpdatePrefs: undefined, AuthKey: '' });
    expect(() => parseStartOptions({ AuthKey: 5 })).toThrow(/AuthKey/);
    expect(() => parseStartOptions({ AuthKey: 'x'.repeat(65_537) })).toThrow(/AuthKey/);
  });
});
