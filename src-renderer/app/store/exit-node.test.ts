/** Choosing the way to the internet: what is asked of the service, and what is remembered here. */
import { beforeEach, expect, test } from 'vitest';
import { device, settings, snapshot } from '../testing/build.ts';
import { type FakeBridge, fakeBridge } from '../testing/fake-bridge.ts';
import { chooseExitNode, isOffering, pickAutomatically } from './exit-node.ts';
import { DEFAULT_GUI } from './gui-defaults.ts';
import { show, useApp } from './store.ts';

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
let bridge: FakeBridge;

beforeEach(() => {
  bridge = fakeBridge({
    'exitNode.set': () => undefined,
    'gui.edit': (change) => ({ ...useApp.getState().gui, ...change }) as typeof DEFAULT_GUI,
  });
  useApp.setState({ bridge, gui: DEFAULT_GUI });
  show(snapshot({ devices: [device({ name: 'harbour', isExitOption: true })] }), undefined);
});

const asked = (name: string): unknown[] =>
  bridge.asked.filter((one) => one.name === name).map(({ arg }) => arg);

test('the last ones are remembered, each once, the newest first', async () => {
  for (const id of ['a', 'b', 'a']) {
    chooseExitNode(id);
    await settled();
  }
  expect(useApp.getState().gui.recentExitNodes).toEqual(['a', 'b']);
  chooseExitNode('');
  await settled();
  expect(useApp.getState().gui.recentExitNodes).toEqual(['a', 'b']);
});

test('leaving the automatic choice keeps the node that is in use', async () => {
  show(snapshot({ settings: settings({ autoExitNode: 'any', exitNodeId: 'n-harbour' }) }), undefined);
  pickAutomatically(false);
  await settled();
  expect(asked('exitNode.set')).toEqual([{ id: 'n-harbour' }]);
});

test('leaving it while nothing was found goes straight to the internet', async () => {
  show(snapshot({ settings: settings({ autoExitNode: 'any', exitNodeId: 'auto:any' }) }), undefined);
  pickAutomatically(false);
  pickAutomatically(true);
  await settled();
  expect(asked('exitNode.set')).toEqual([{ auto: false }, { auto: true }]);
});

test('this device offers its own internet when it advertises everything', () => {
  expect(isOffering(snapshot({ settings: settings({ advertiseRoutes: ['10.0.0.0/8'] }) }))).toBe(false);
  expect(isOffering(snapshot({ settings: settings({ advertiseRoutes: ['::/0'] }) }))).toBe(true);
});
