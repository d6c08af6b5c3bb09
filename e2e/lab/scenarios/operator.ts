/** Who may change a machine: another user is refused, made operator, allowed, and refused again when that is taken back. */
import type { Daemon } from '../daemon.ts';
import type { Lab } from '../lab.ts';
import { privateNetwork, reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { clock, must } from '../wait.ts';

const OTHER = 'nobody';

/** What only whoever may change something can do, and what undoes it. */
const CHANGES = [
  ['down', 'up'],
  ['set --shields-up', 'set --shields-up=false'],
  ['set --nickname=theirs', 'set --nickname='],
] as const;

async function refused(machine: Daemon, line: string): Promise<void> {
  const before = (await machine.status()).BackendState;
  const { code, stderr } = await machine.cli(line.split(' '), { user: OTHER, mayFail: true });
  must(code !== 0, `${OTHER} must not be able to: rhumb ${line}`);
  must(/denied|sudo|operator/i.test(stderr), `rhumb ${line} says what to do about it: ${stderr}`);
  must((await machine.status()).BackendState === before, `rhumb ${line} has changed nothing`);
}

async function allowed(machine: Daemon): Promise<void> {
  for (const [there, back] of CHANGES) {
    await machine.cli(there.split(' '), { user: OTHER });
    await machine.cli(back.split(' '), { user: OTHER });
  }
  await machine.running();
}

async function run(lab: Lab): Promise<Record<string, number>> {
  const { machines } = await privateNetwork(lab, 'alpha', 'beta');
  const [alpha, beta] = machines as [Daemon, Daemon];

  const { stdout } = await alpha.cli(['status'], { user: OTHER });
  must(stdout.includes('beta'), 'everybody may look');
  for (const [there] of CHANGES) await refused(alpha, there);
  await refused(alpha, `set --operator=${OTHER}`);
  await refused(alpha, 'logout');

  const began = clock.monotonic();
  await alpha.cli(['set', `--operator=${OTHER}`]);
  await allowed(alpha);
  const changesMs = clock.monotonic() - began;
  const { stdout: operator } = await alpha.cli(['get', 'operator'], { user: OTHER });
  must(operator.includes(OTHER), `rhumb get names the operator: ${operator}`);

  await alpha.process.kill();
  await alpha.run();
  await alpha.running();
  await alpha.cli(['set', '--shields-up'], { user: OTHER });
  await alpha.cli(['set', '--shields-up=false'], { user: OTHER });

  await alpha.cli(['set', '--operator=']);
  for (const [there] of CHANGES) await refused(alpha, there);
  return { changesMs, firstPingMs: await reachEachOther(alpha, beta) };
}

export const operator: Scenario = {
  name: 'operator',
  what: 'another user may look and change nothing, until he is made operator; also after a crash, and no longer when that is taken back',
  run,
};
