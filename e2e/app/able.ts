/** Whether this machine can run the app's flows at all. */
import { whyNot as whyNoLab } from '../lab/scenario.ts';
import { bundleExists } from '../scenes/serve.ts';
import { chromiumPath } from '../sign-in/chromium.ts';

/** Undefined when it can. A page that was not built is a failure of the set-up, and no reason. */
export function whyNoFlows(): string | undefined {
  const lab = whyNoLab(['nft', 'curl']);
  if (lab !== undefined) return lab;
  if (chromiumPath === undefined) return 'needs Chromium';
  if (!bundleExists()) throw new Error('the app is not built: run `npm run setup`');
  return undefined;
}
