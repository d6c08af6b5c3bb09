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
  readonly #families: Family[] = [];

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

  /** A family of counters whose names only the reader knows: `drop.no-route` becomes `<prefix>_drop_no_route`. */
  collect(prefix: string, help: string, read: () => Readonly<Record<string, number | bigint>>): void {
    this.#families.push({ prefix, help, read });
  }

  text(): string {
    let out = '';
    const all = [...this.#metrics.values(), ...this.#families.flatMap(metricsOf)];
    for (const metric of all.sort((a, b) => (a.name < b.name ? -1 : 1))) out += printMetric(metric);
    return out;
  }
}

interface Family {
  readonly prefix: string;
  readonly help: string;
  readonly read: () => Readonly<Record<string, number | bigint>>;
}

const metricsOf = ({ prefix, help, read }: Family): Metric[] =>
  Object.entries(read()).map(([name, value]) => ({
    name: `${prefix}_${name.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`,
    kind: 'counter',
    help: `${help}: ${name}`,
    read: () => [{ value }],
  }));

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
