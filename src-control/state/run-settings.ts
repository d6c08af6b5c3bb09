/** What administrators change while the server runs, beside what the configuration says. */
import { z } from 'zod';
import { parseJson } from '#shared/wire/json.ts';
import type { Actor } from '../store/records.ts';
import type { Network } from './network.ts';

const KEY = 'run-settings';

const contact = z.string().max(254);

const schema = z.object({
  /** New machines wait for an administrator's yes. */
  devicesApprovalOn: z.boolean().default(false),
  /** So do people who sign in for the first time. */
  usersApprovalOn: z.boolean().default(false),
  /** How long a machine's key lasts; null = as the configuration says, 0 = for ever. */
  devicesKeyDurationDays: z.int().min(0).max(3_650).nullable().default(null),
  /** The policy is kept elsewhere, at this address: the console shows it and does not change it. */
  aclsExternallyManagedOn: z.boolean().default(false),
  aclsExternalLink: z.string().max(2_048).default(''),
  /** Whom to write to about the network, its use, and its security. */
  contacts: z
    .object({ account: contact.default(''), support: contact.default(''), security: contact.default('') })
    .prefault({}),
});
export type RunSettings = z.output<typeof schema>;

const USUAL = schema.parse({});

export function runSettings(network: Network): RunSettings {
  const text = network.setting(KEY);
  return text === undefined ? USUAL : schema.parse(parseJson(text));
}

/** Writes what differs, with a line of the audit log for each. */
export async function changeRunSettings(
  network: Network,
  patch: Partial<RunSettings>,
  nowMs: number,
  by: Actor,
): Promise<RunSettings> {
  const before = runSettings(network);
  const after = schema.parse({ ...before, ...patch });
  const names = Object.keys(after) as (keyof RunSettings)[];
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  if (changed.length === 0) return before;
  await network.save({
    writes: [{ put: 'setting', key: KEY, value: JSON.stringify(after) }],
    audit: changed.map((property) => ({
      ...{ at: nowMs, actor: by, action: 'update' },
      target: { type: 'settings', id: property, name: 'settings', property },
      ...{ old: JSON.stringify(before[property]), new: JSON.stringify(after[property]) },
    })),
  });
  return after;
}
