/** Figures that windows count and hand to the daemon, shown among its own (localapi-and-daemon.md §2.1, `upload-client-metrics`). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { MetricsRegistry } from '../metrics/metrics.ts';

/** Whoever may call could else fill our memory with names. */
const MAX_NAMES = 256;

export const metricUpdates = z
  .array(
    z.object({
      Name: z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,127}$/),
      Type: z.enum(['counter', 'gauge']),
      Value: z.number().int(),
      Op: z
        .enum(['', 'add', 'set'])
        .nullish()
        .transform((value) => value ?? ''),
    }),
  )
  .max(1_024);
type Update = z.infer<typeof metricUpdates>[number];

export class ClientCounters {
  readonly #registry: MetricsRegistry;
  readonly #values = new Map<string, { value: number }>();

  constructor(registry: MetricsRegistry) {
    this.#registry = registry;
  }

  update({ Name, Type, Value, Op }: Update): void {
    const entry = this.#values.get(Name) ?? this.#open(Name, Type);
    entry.value = Op === 'set' ? Value : entry.value + Value;
  }

  #open(name: string, kind: Update['Type']): { value: number } {
    if (this.#values.size >= MAX_NAMES) throw new RhumbError('bad-argument', 'too many metrics of clients');
    const entry = { value: 0 };
    try {
      this.#registry.register({
        name,
        kind,
        help: 'counted by a client',
        read: () => [{ value: entry.value }],
      });
    } catch (error) {
      throw new RhumbError('bad-argument', `there is a metric named ${name} already`, { cause: error });
    }
    this.#values.set(name, entry);
    return entry;
  }
}
