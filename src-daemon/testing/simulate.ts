/** `node src-daemon/testing/simulate.ts --steps 1000000 [--seed 1]`: random networks until so many steps were simulated. */
import { parseArgs } from 'node:util';
import { randomPlan } from './simulation/plan.ts';
import { story, Tally } from './simulation/report.ts';
import { simulate } from './simulation/simulation.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    /** This one seed only, with its whole story. */
    only: { type: 'string' },
    kinds: { type: 'boolean', default: false },
    /** The portable engine and WireGuard in each machine: slower. */
    real: { type: 'boolean', default: false },
  },
});

const wanted = whole(values.steps, 'steps');
const first = whole(values.only ?? values.seed, 'seed');
const tally = new Tally();
const startedMs = performance.now();
let seed = first;
do {
  const result = await simulate(randomPlan(seed), { hasRealEngines: values.real });
  tally.add(result);
  const isBroken = result.violations.length > 0;
  if (isBroken || values.only !== undefined)
    process.stderr.write(`${story(result, values.only === undefined ? 40 : 400)}\n\n`);
  seed += 1;
} while (values.only === undefined && tally.steps < wanted);

const { kinds, ...report } = tally.report();
const seconds = (performance.now() - startedMs) / 1_000;
const line = {
  name: 'simulation',
  ok: report.violations.length === 0,
  seeds: `${first}..${seed - 1}`,
  ...report,
  seconds: Number(seconds.toFixed(1)),
  stepsPerMinute: Math.round((report.steps / seconds) * 60),
  topologiesPerMinute: Math.round((report.topologies / seconds) * 60),
  ...(values.kinds ? { kinds } : {}),
};
process.stdout.write(`${JSON.stringify(line)}\n`);
process.exitCode = line.ok ? 0 : 1;

function whole(text: string, what: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    process.stderr.write(`--${what} wants a whole number\n`);
    process.exit(2);
  }
  return value;
}
