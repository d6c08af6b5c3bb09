/** Offloads of an interface that every Linux has. */
import { expect, test } from 'vitest';
import { interfaceFeatures, setInterfaceFeatures } from './ethtool.ts';

const isLinux = process.platform === 'linux';

test.runIf(isLinux)('the loopback tells its offloads by the names of `ethtool -k`', () => {
  const features = interfaceFeatures('lo');
  expect(features?.size).toBeGreaterThan(20);
  // "Fixed on" and "fixed off" for a loopback in every kernel.
  expect([features?.get('loopback'), features?.get('rx-all')]).toEqual([true, false]);
});

test.runIf(isLinux)('an interface that is not there has none, and none can be set', () => {
  expect(interfaceFeatures('rhumb-no-such')).toBeUndefined();
  expect(() => setInterfaceFeatures('rhumb-no-such', new Map())).toThrow('there is no interface');
});

test.runIf(isLinux)('an offload that the kernel does not know is refused before anything is set', () => {
  expect(() => setInterfaceFeatures('lo', new Map([['no-such-offload', true]]))).toThrow(
    'lo has no no-such-offload',
  );
});
