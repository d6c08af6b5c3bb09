/** The server's figures for Prometheus: what the rooms count, and what is looked up when somebody asks. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { COUNTERS, type CounterName, type Meter, TIMINGS, type TimingName } from '../state/meter.ts';

const PREFIX = 'rhumb_control_';

export interface Metrics extends Meter {
  /** A figure that is looked up at each scrape: one number, or several by the value of one label. */
  gauge(name: string, help: string, read: () => number): void;
  gauges(name: string, help: string, label: string, read: () => Iterable<readonly [string, number]>): void;
  /** Text of another part, as it is, after ours. */
  append(read: () => string): void;
  text(): Promise<string>;
}

/** `withProcess`: also memory, processor time and garbage collection of this process. */
export function openMetrics(withProcess: boolean): Metrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  const counters = new Map<CounterName, Counter>();
  for (const [name, { help, labels }] of Object.entries(COUNTERS))
    counters.set(
      name as CounterName,
      new Counter({ name: `${PREFIX}${name}_total`, help, labelNames: [...labels], registers }),
    );
  const timings = new Map<TimingName, Histogram>();
  for (const [name, { help, labels, buckets }] of Object.entries(TIMINGS))
    timings.set(
      name as TimingName,
      new Histogram({
        name: `${PREFIX}${name}`,
        help,
        labelNames: [...labels],
        buckets: [...buckets],
        registers,
      }),
    );
  if (withProcess) collectDefaultMetrics({ register: registry });
  const others: (() => string)[] = [];
  return {
    count: (name, labels, by = 1) => counters.get(name)?.inc({ ...labels }, by),
    time: (name, seconds, labels) => timings.get(name)?.observe({ ...labels }, seconds),
    gauge: (name, help, read) => {
      new Gauge({
        name: `${PREFIX}${name}`,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    },
    gauges: (name, help, label, read) => {
      new Gauge({
        name: `${PREFIX}${name}`,
        help,
        labelNames: [label],
        registers,
        collect() {
          this.reset();
          for (const [value, figure] of read()) this.set({ [label]: value }, figure);
        },
      });
    },
    append: (read) => void others.push(read),
    text: async () => [await registry.metrics(), ...others.map((read) => read())].join('\n'),
  };
}
