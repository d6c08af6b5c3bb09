/** One DNS server as the control protocol names it (control-protocol.md §4.9.1). */
import { z } from 'zod';
import { list, maybe, text } from './scalars.ts';

export const dnsResolver = z.looseObject({
  Addr: maybe(text),
  BootstrapResolution: list(text, 64),
  UseWithExitNode: maybe(z.boolean()),
});
