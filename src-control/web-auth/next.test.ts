/** After a sign-in nobody is sent where somebody else wants them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loginHref, safeNext } from './next.ts';

describe('where a sign-in leads', () => {
  test.each([
    ['/admin', '/admin'],
    ['/admin/machines?q=a%20b', '/admin/machines?q=a%20b'],
    ['/register/rhkey-authreq-abc', '/register/rhkey-authreq-abc'],
    ['/auth/abc', '/auth/abc'],
    ['/account', '/account'],
  ])('%s is a place', (wanted, got) => expect(safeNext(wanted)).toBe(got));

  test.each([
    undefined,
    null,
    '',
    'admin',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    'https://evil.example/admin',
    'javascript:alert(1)',
    '/administrator',
    '/logout',
    '/admin/../logout',
    '/admin/%0d%0aset-cookie:x',
    `/admin/${'a'.repeat(600)}`,
  ])('%j is not, unless it stays there', (wanted) => {
    const got = safeNext(wanted);
    expect(new URL(got, 'http://here.invalid').host).toBe('here.invalid');
    expect(got.startsWith('/admin')).toBe(true);
    expect(got).not.toMatch(/[\r\n\\]/);
  });

  test('is always a path of ours', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const wanted of [text, `/${text}`, `/admin/${text}`, `//${text}`]) {
          const url = new URL(safeNext(wanted), 'http://here.invalid');
          expect(url.host).toBe('here.invalid');
          expect(url.pathname).toMatch(/^\/(admin|account|register|auth)(\/|$)/);
        }
      }),
    );
  });

  test('survives the way through the address of the sign-in page', () => {
    const href = loginHref('/admin/machines?q=a&b=c', true);
    const url = new URL(href, 'http://here.invalid');
    expect(safeNext(url.searchParams.get('next'))).toBe('/admin/machines?q=a&b=c');
    expect(url.searchParams.get('again')).toBe('1');
  });
});
