/** `npm run bench -- NAME | --list`: runs one benchmark and ends with its line of figures. */
import { toRhumbError } from '#shared/errors.ts';
import { type Figures, resultLine } from '../e2e/lab/figures.ts';
import { untilTold } from '../e2e/lab/leash.ts';
import { isCost, type Measured } from './benchmark.ts';
import { benchmarks } from './catalogue.ts';

const [name] = process.argv.slice(2);
const told = untilTold();
const benchmark = benchmarks.find((one) => one.name === name);

if (name === '--list') {
  for (const one of benchmarks) console.log(`${one.name.padEnd(22)} ${one.what}`);
} else if (benchmark === undefined) {
  const said = name === undefined ? 'name a benchmark' : `no benchmark is called ${name}`;
  console.error(`${said}; \`npm run bench -- --list\` names them`);
  process.exitCode = 2;
} else {
  const why = benchmark.whyNot?.();
  if (why !== undefined) {
    console.log(
      resultLine({ name: benchmark.name, ok: false, figures: {}, skipped: [{ what: benchmark.name, why }] }),
    );
    process.exitCode = 1;
  } else await measure(benchmark.name, benchmark.run(told));
}
process.exit();

async function measure(title: string, running: Promise<Measured>): Promise<void> {
  try {
    const { figures, peers, ratios, skipped = [], missed = [], notes = [] } = await running;
    const compared =
      peers === undefined ? {} : { peers, ratios: ratios ?? ratiosOf(figures, Object.values(peers)) };
    for (const goal of missed) console.error(`${title}: missed: ${goal}`);
    const ok = missed.length === 0;
    console.log(resultLine({ name: title, ok, figures, skipped, notes, ...compared }));
    if (!ok) process.exitCode = 1;
  } catch (error) {
    const { message, stack } = toRhumbError(error);
    console.error(`${title}: ${message}\n${stack ?? ''}`);
    console.log(resultLine({ name: title, ok: false, figures: {}, skipped: [] }));
    process.exitCode = 1;
  }
}

/** Ours divided by the best peer's: the largest, or the smallest where the figure is a time or a cost. */
function ratiosOf(ours: Figures, peers: readonly Figures[]): Figures {
  const found: Record<string, number> = {};
  for (const [key, value] of Object.entries(ours)) {
    const theirs = peers.map((peer) => peer[key]).filter((one) => one !== undefined);
    if (theirs.length === 0) continue;
    found[key] = value / (isCost(key) ? Math.min(...theirs) : Math.max(...theirs));
  }
  return found;
}
