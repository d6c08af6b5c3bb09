/** Forwarding is switched on from the list of what offering needs, and looked at again once it is. */
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CallError } from '../../bridge/failure.ts';
import { show, useApp } from '../../store/store.ts';
import { settings, snapshot } from '../../testing/build.ts';
import { type FakeBridge, fakeBridge } from '../../testing/fake-bridge.ts';
import { OfferScreen } from './offer.tsx';

let root: Root;
const place = document.createElement('div');
const fix = (): HTMLButtonElement | undefined =>
  [...place.querySelectorAll('button')].find(({ textContent }) => textContent === 'Fix');

async function open(
  can: readonly ('service' | 'forwarding')[],
  enable: () => undefined,
): Promise<FakeBridge> {
  let forwarding = 'IP forwarding is disabled, subnet routing/exit nodes will not work.';
  const bridge = fakeBridge({
    'routes.check': () => ({ forwarding, udpGro: '' }),
    'forwarding.enable': () => {
      enable();
      forwarding = '';
      return undefined;
    },
  });
  useApp.setState({ bridge, host: { kind: 'electron', can, platform: 'linux', version: '1.0.0' } });
  await act(async () => root.render(<OfferScreen />));
  return bridge;
}

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  document.body.append(place);
  root = createRoot(place);
  show(snapshot({ settings: settings({}), link: { kind: 'ready', rights: 'manage' } }), undefined);
});
afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  vi.unstubAllGlobals();
});

test('what was fixed is looked at again, and is well', async () => {
  const bridge = await open(['forwarding'], () => undefined);
  await act(async () => fix()?.click());
  expect(bridge.asked.map(({ name }) => name)).toEqual(['routes.check', 'forwarding.enable', 'routes.check']);
  expect(place.textContent).toContain('This computer forwards traffic');
  expect(fix()).toBeUndefined();
});

test('who says no to the password has changed nothing, and may try again', async () => {
  await open(['forwarding'], () => {
    throw new CallError('not-allowed', 'nothing was changed: the question was closed');
  });
  await act(async () => fix()?.click());
  expect(place.querySelector('[role=status]')?.textContent).toBe('Nothing was changed.');
  expect(fix()).toBeDefined();
});

test('a host that can’t offers no fix', async () => {
  await open(['service'], () => undefined);
  expect(fix()).toBeUndefined();
});

test('who may only look is offered none', async () => {
  show(snapshot({ link: { kind: 'ready', rights: 'readonly' } }), undefined);
  await open(['forwarding'], () => undefined);
  expect(fix()).toBeUndefined();
});
