/** Which preferences can be, and what goes together. */
import { expect, test } from 'vitest';
import { newPrefs, type Prefs } from '#shared/localapi/prefs.ts';
import { isShowableUrl } from './auth-url.ts';
import type { ExitEdit } from './exit-nodes.ts';
import { parseOsRelease } from './os-facts.ts';
import { adjustEdit, checkPrefs } from './prefs-check.ts';

test('the preferences of a new profile are fine', () => {
  expect(() => checkPrefs(newPrefs())).not.toThrow();
  expect(() =>
    checkPrefs({
      ...newPrefs(),
      ControlURL: 'https://c.example:8443/x',
      Hostname: 'a-b.c',
      AdvertiseTags: ['tag:web-1'],
    }),
  ).not.toThrow();
});

test.each<{ want: Partial<Prefs>; says: RegExp }>([
  { want: { ControlURL: 'ftp://x' }, says: /not an http or https address/ },
  { want: { ControlURL: 'control.example' }, says: /not an http or https address/ },
  { want: { ControlURL: 'https://u:p@x' }, says: /password/ },
  { want: { Hostname: 'a b' }, says: /host name/ },
  { want: { AdvertiseTags: ['web'] }, says: /tag "web" is not valid/ },
  {
    want: { AdvertiseRoutes: ['10.0.0.1/8'] },
    says: /route 10\.0\.0\.1\/8 has non-address bits set; expected 10\.0\.0\.0\/8/,
  },
  {
    want: { AdvertiseRoutes: ['0.0.0.0/0', '::/0'], ExitNodeID: 'n1' },
    says: /Cannot advertise an exit node and use an exit node/,
  },
  { want: { RunSSH: true }, says: /SSH/ },
])('$want is refused', ({ want, says }) => {
  expect(() => checkPrefs({ ...newPrefs(), ...want })).toThrow(says);
});

test.each<{ name: string; now?: Partial<Prefs>; edit: ExitEdit; means: ExitEdit }>([
  {
    name: 'choosing an exit node ends the automatic choice',
    edit: { ExitNodeID: 'n1' },
    means: { ExitNodeID: 'n1', AutoExitNode: '' },
  },
  {
    name: 'so does naming one by its address',
    edit: { ExitNodeIP: '100.64.0.9' },
    means: { ExitNodeIP: '100.64.0.9', AutoExitNode: '' },
  },
  {
    name: 'the automatic choice ends that of an address, and begins with the node in use',
    edit: { AutoExitNode: 'any' },
    means: { AutoExitNode: 'any', ExitNodeIP: '' },
  },
  {
    name: 'an automatic choice may be written as an id',
    edit: { ExitNodeID: 'auto:any' },
    means: { AutoExitNode: 'any', ExitNodeID: '', ExitNodeIP: '' },
  },
  {
    name: 'clearing the exit node forgets the one put aside',
    edit: { ExitNodeID: '' },
    means: { ExitNodeID: '', AutoExitNode: '', InternalExitNodePrior: '' },
  },
  {
    name: 'putting it aside does not',
    edit: { ExitNodeID: '', AutoExitNode: '', InternalExitNodePrior: 'n1' },
    means: { ExitNodeID: '', AutoExitNode: '', InternalExitNodePrior: 'n1' },
  },
  {
    name: 'an automatic choice that ends before it found a node opens the way',
    now: { ExitNodeID: 'auto:any', AutoExitNode: 'any' },
    edit: { AutoExitNode: '' },
    means: { AutoExitNode: '', ExitNodeID: '' },
  },
  { name: 'other edits mean what they say', edit: { Hostname: 'x' }, means: { Hostname: 'x' } },
])('$name', ({ now, edit, means }) => {
  expect(adjustEdit({ ...newPrefs(), ...now }, edit)).toEqual(means);
});

test.each([
  ['https://login.example/a', 'https://control.example', true],
  ['http://control.example/a', 'http://control.example', true],
  ['http://control.example/a', 'https://control.example', false],
  ['https://evil.example/a', '', false],
  ['https://login.tailscale.com/a', '', true],
  ['https://tailscale.com.evil.example/', 'https://controlplane.tailscale.com', false],
  ['file:///etc/passwd', 'http://control.example', false],
  ['javascript:alert(1)', 'https://control.example', false],
  ['not a url', 'https://control.example', false],
])('%s from %s may be shown: %s', (url, control, wanted) => {
  expect(isShowableUrl(url, control)).toBe(wanted);
});

test('os-release is read in each of its spellings', () => {
  const fields = parseOsRelease(
    '# c\nID=debian\nVERSION_ID="13"\nVERSION_CODENAME=\'trixie\'\nBROKEN LINE\n',
  );
  expect(Object.fromEntries(fields)).toEqual({ ID: 'debian', VERSION_ID: '13', VERSION_CODENAME: 'trixie' });
});
