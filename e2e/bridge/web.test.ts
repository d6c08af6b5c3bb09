/** The contract over the WebSocket of a real rhumbd's page. */
import { test } from 'vitest';
import { openWebPage } from './pages.ts';
import { bridgeContract } from './suite.ts';
import { isPageBuilt } from './world.ts';

if (await isPageBuilt())
  bridgeContract({
    name: 'a WebSocket',
    open: async (world, rights) => await openWebPage(await world.link(rights === 'readonly')),
  });
else test.skip('the page is not built: run `npm run setup`', () => undefined);
