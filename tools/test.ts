/** `npm test`: every suite that this machine can run, what was skipped and why, and a last line with the counts. */
import { parseArgs } from 'node:util';
import { startVitest, type TestCase, type Vitest } from 'vitest/node';

interface Counts {
  passed: number;
  /** What failed, and the beginning of why: the last lines of a long run must be enough to begin with. */
  readonly failed: string[];
  /** Names of skipped tests by the reason they gave. */
  readonly skipped: Map<string, string[]>;
}

/** Run one after the other: what needs whole machines must not compete with what needs every core. */
const STAGES = [['unit', 'renderer', 'arch'], ['e2e']];
const REASON_CHARS = 300;
const SLOW_STAGES = [['slow']];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { slow: { type: 'boolean' }, project: { type: 'string', multiple: true } },
});
const counts: Counts = { passed: 0, failed: [], skipped: new Map() };
const stages = values.project !== undefined ? [values.project] : values.slow === true ? SLOW_STAGES : STAGES;

for (const project of stages) {
  const vitest = await startVitest(positionals, { run: true, watch: false, project, passWithNoTests: true });
  count(vitest, counts);
  await vitest.close();
}

for (const [why, names] of counts.skipped) {
  console.log(`skipped: ${why}`);
  for (const name of names) console.log(`  ${name}`);
}
const skipped = [...counts.skipped.values()].reduce((sum, names) => sum + names.length, 0);
for (const what of counts.failed) console.log(`failed: ${what}`);
const nothingRan = counts.passed + counts.failed.length + skipped === 0;
if (nothingRan) console.error('no test was found');
// The exit code is ours alone: a run without tests, or with an error outside of tests, has failed.
process.exitCode = counts.failed.length > 0 || nothingRan ? 1 : 0;
console.log(`${counts.passed} passed, ${counts.failed.length} failed, ${skipped} skipped`);

function count(vitest: Vitest, into: Counts): void {
  // An error that no test caught fails the run as a test of its own would.
  const loose = vitest.state.getUnhandledErrors();
  into.failed.push(...loose.map((error) => `outside of any test: ${reason(error)}`));
  for (const module of vitest.state.getTestModules()) {
    const errors = [module, ...module.children.allSuites()].flatMap((suite) => suite.errors());
    into.failed.push(...errors.map((error) => `${module.relativeModuleId}: ${reason(error)}`));
    for (const test of module.children.allTests()) countTest(test, into);
  }
}

function countTest(test: TestCase, into: Counts): void {
  const result = test.result();
  if (result.state === 'passed') into.passed += 1;
  else if (result.state === 'failed') {
    into.failed.push(`${nameOf(test)}: ${result.errors.map(reason).join('; ')}`);
  } else {
    const why = (result.state === 'skipped' ? result.note : 'did not run') ?? 'no reason given';
    const names = into.skipped.get(why) ?? [];
    into.skipped.set(why, [...names, nameOf(test)]);
  }
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId}: ${test.fullName}`;
}

function reason(error: unknown): string {
  const { message } = error as { message?: unknown };
  return String(message ?? error).slice(0, REASON_CHARS);
}
