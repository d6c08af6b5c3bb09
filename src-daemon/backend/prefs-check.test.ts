/** Which preferences can be, and what goes together. */
import { expect, test } from 'vitest';
import { newPrefs, type Prefs } from '#shared/localapi/prefs.ts';
import { isShowableUrl } from './auth-url.ts';
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

test('choosing an exit node ends the automatic choice, and the other way round', () => {
  expect(adjustEdit({ ExitNodeID: 'n1' })).toEqual({ ExitNodeID: 'n1', AutoExitNode: '' });
  expect(adjustEdit({ AutoExitNode: 'any' })).toEqual({
    AutoExitNode: 'any',
    ExitNodeID: '',
    ExitNodeIP: '',
  });
  expect(adjustEdit({ Hostname: 'x' })).toEqual({ Hostname: 'x' });
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
