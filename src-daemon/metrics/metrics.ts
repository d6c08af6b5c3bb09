/** Counters and gauges, printed as Prometheus text (exposition format 0.0.4). */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels | undefined;
  readonly value: number | bigint;
}

export interface Metric {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  /** Read when someone asks, so that nothing is counted twice. */
  readonly read: () => readonly Sample[];
}

/** A counter owned by whoever counts; `value` only grows. */
export class Counter {
  value = 0;
  add(amount = 1): void {
    this.value += amount;
  }
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export class MetricsRegistry {
  readonly #metrics = new Map<string, Metric>();

  /** A second metric of a name is a bug of ours. */
  register(metric: Metric): void {
    if (!NAME.test(metric.name) || this.#metrics.has(metric.name))
      throw new TypeError(`metric name unfit or taken: ${metric.name}`);
    this.#metrics.set(metric.name, metric);
  }

  counter(name: string, help: string): Counter {
    const counter = new Counter();
    this.register({ name, kind: 'counter', help, read: () => [{ value: counter.value }] });
    return counter;
  }

  text(): string {
    let out = '';
    for (const metric of [...this.#metrics.values()].sort((a, b) => (a.name < b.name ? -1 : 1)))
      out += printMetric(metric);
    return out;
  }
}

/** Backslash and newline in help; also quotes in label values. */
const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

function printMetric(metric: Metric): string {
  const samples = metric.read();
  if (samples.length === 0) return '';
  let out = `# HELP ${metric.name} ${escapeHelp(metric.help)}\n# TYPE ${metric.name} ${metric.kind}\n`;
  for (const { labels, value } of samples) {
    const pairs = Object.entries(labels ?? {}).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
    out += `${metric.name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`;
  }
  return out;
}
