/** Which versions of app and service work together. */
import { expect, test } from 'vitest';
import { isCompatible } from './compatible.ts';

test.each([
  { app: '0.2.0', daemon: '0.2.9', want: true },
  { app: '0.2.0', daemon: '0.1.4-t3f', want: true },
  { app: '0.2.0', daemon: '0.3.0', want: true },
  { app: '0.4.0', daemon: '0.2.9', want: false },
  { app: '1.0.0', daemon: '0.9.0', want: false },
  { app: '1.0.0', daemon: 'of somebody else', want: true },
])('app $app with service $daemon: $want', ({ app, daemon, want }) => {
  expect(isCompatible(app, daemon)).toBe(want);
});
