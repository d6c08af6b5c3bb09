/**
 * The app's page for any daemon, as `rhumb web` has it for rhumbd; run on a host of a lab.
 *
 *   node app-page.ts SOCKET BUNDLE   says the address of the page, which lets in once
 */
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { openSystemProbes } from '#shared/probing/probes.ts';
import { systemOwnerOf } from '../../../src-daemon/webui/socket-owner.ts';
import { WebUi } from '../../../src-daemon/webui/web-ui.ts';

const [socketPath = '', folder = ''] = process.argv.slice(2);
const webUi = new WebUi({
  clock: systemClock(),
  log: silent,
  socketPath,
  folder,
  openProbes: openSystemProbes(Math.random),
  peers: { who: () => undefined, names: () => [] },
  ownerOf: systemOwnerOf,
});
console.log(await webUi.link({ uid: 0, canWrite: true, isAdmin: true }));
