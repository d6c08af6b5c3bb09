/** `npm test`: every suite that this machine can run, what was skipped and why, and a last line with the counts. */
import { parseArgs } from 'node:util';
import { startVitest, type Vitest } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
  /** Names of skipped tests by the reason they gave. */
  readonly skipped: Map<string, string[]>;
}

/** Run one after the other: what needs whole machines must not compete with what needs every core. */
const STAGES = [['unit', 'renderer', 'arch'], ['e2e']];
const SLOW_STAGES = [['slow']];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { slow: { type: 'boolean' }, project: { type: 'string', multiple: true } },
});
const counts: Counts = { passed: 0, failed: 0, skipped: new Map() };
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
const nothingRan = counts.passed + counts.failed + skipped === 0;
if (nothingRan) console.error('no test was found');
// The exit code is ours alone: a run without tests, or with an error outside of tests, has failed.
process.exitCode = counts.failed > 0 || nothingRan ? 1 : 0;
console.log(`${counts.passed} passed, ${counts.failed} failed, ${skipped} skipped`);

function count(vitest: Vitest, into: Counts): void {
  // An error that no test caught fails the run as a test of its own would.
  into.failed += vitest.state.getUnhandledErrors().length;
  for (const module of vitest.state.getTestModules()) {
    into.failed += module.errors().length;
    for (const suite of module.children.allSuites()) into.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') into.passed += 1;
      else if (result.state === 'failed') into.failed += 1;
      else {
        const why = (result.state === 'skipped' ? result.note : 'did not run') ?? 'no reason given';
        const names = into.skipped.get(why) ?? [];
        into.skipped.set(why, [...names, `${module.relativeModuleId}: ${test.fullName}`]);
      }
    }
  }
}
