/** What machines ask about certificates: to publish a challenge, and why a feature is not there (control-protocol.md §4.10). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { maybe } from '#shared/wire/scalars.ts';
import type { Challenges } from '../dns/certificates/challenges.ts';
import type { DnsView } from '../dns/view.ts';
import type { MachineCalls } from './machine-call.ts';

export interface MachineDnsDeps {
  readonly view: DnsView;
  /** Undefined where nothing can be published. */
  readonly challenges: Challenges | undefined;
}

const setDnsRequest = z.looseObject({
  Name: z.string().max(255),
  Type: z.string().max(16),
  Value: z.string().max(1_024),
});

const featureRequest = z.looseObject({ Feature: maybe(z.string().max(64)) });

const NOT_ENABLED = 'HTTPS certificates are not enabled in this network. Its administrator can enable them:';
const CONFIGURE =
  'set dns.https in the configuration of rhumb-control, which says how to publish DNS records, and restart it.';
const SWITCH_ON = 'run rhumb-control dns set --https on.';
const NO_FUNNEL =
  'This network has no public entry, so Funnel is not available. Within the network, use serve.';

export const machineDnsCalls = (deps: MachineDnsDeps): MachineCalls => ({
  '/machine/set-dns': async (node, body) => {
    const { Name, Type, Value } = read(setDnsRequest, body);
    if (deps.challenges === undefined) throw new RhumbError('not-allowed', `${NOT_ENABLED} ${CONFIGURE}`);
    await deps.challenges.publish(node, { name: Name, type: Type, value: Value });
    return {};
  },
  '/machine/feature/query': async (_node, body) =>
    featureAnswer(deps, read(featureRequest, body).Feature ?? ''),
});

/** The client shows the text and ends; what to do is done at the server, so there is nothing to wait for. */
function featureAnswer({ view }: MachineDnsDeps, feature: string): object {
  if (feature === 'funnel') return { Text: NO_FUNNEL };
  if (feature !== 'serve') return { Text: `This server does not know the feature "${feature}".` };
  if (view.effective.https) return { Complete: true };
  return { Text: `${NOT_ENABLED}\n${view.settings.canPublish ? SWITCH_ON : CONFIGURE}` };
}

function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RhumbError(
    'bad-argument',
    `malformed request: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  );
}
