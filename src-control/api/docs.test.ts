/** The documents about the API: whole, and without anything from elsewhere. */
import { expect, test } from 'vitest';
import { apiLab } from '../testing/api-lab.ts';
import { v1Endpoints } from './v1/endpoints.ts';
import { v2Endpoints } from './v2/endpoints.ts';

test.each([
  ['v1', v1Endpoints],
  ['v2', v2Endpoints],
] as const)(
  'the document of %s names every address, and every reference in it leads somewhere',
  async (version, all) => {
    const { ask } = await apiLab();
    const { status, json, text } = await ask('GET', `/api/${version}/openapi.json`, undefined);
    expect([status, json.openapi]).toEqual([200, '3.1.0']);
    for (const { method, path, need } of all) {
      const found = json.paths[path.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
      expect([path, found?.responses?.['200'] !== undefined]).toEqual([path, true]);
      if (need !== 'open' && need !== 'none') expect(found['x-required-scope']).toBe(need);
    }
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(Object.keys(json.components.schemas)).toContain(name);
    expect(text).not.toContain('$defs');
    const ids = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(all.length);
  },
);

test('the page loads nothing and runs nothing', async () => {
  const { ask } = await apiLab();
  const page = await ask('GET', '/api/v2/docs', undefined);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
  expect(page.text).not.toMatch(/<script|https?:\/\//);
  expect(page.text).toContain('/api/v2/tailnet/:t/devices');
  expect((await ask('GET', '/api/v1/openapi.yaml', undefined)).text).toMatch(/^openapi: 3\.1\.0/);
});
