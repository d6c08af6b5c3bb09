/** The contract over the WebSocket of a real rhumbd's page, which the project's set-up has built. */
import { openWebPage } from './pages.ts';
import { bridgeContract } from './suite.ts';

bridgeContract({
  name: 'a WebSocket',
  open: async (world, rights) => await openWebPage(await world.link(rights === 'readonly')),
});
