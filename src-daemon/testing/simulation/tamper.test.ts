/** The simulation notices when path choice is worse than it is: each way of being worse breaks the rule against it. */
import { expect, test } from 'vitest';
import type { EnginePath } from '../../magicsock/types.ts';
import type { Tamper } from './machine.ts';
import { randomPlan } from './plan.ts';
import { simulate } from './simulation.ts';

const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);

/** Paths as they would be set by something simpler. */
const paths =
  (change: (path: EnginePath) => EnginePath | undefined): Tamper =>
  (deps) => ({
    ...deps,
    setPath: (peer, path) => {
      const changed = change(path);
      if (changed !== undefined) deps.setPath(peer, changed);
    },
  });

const ROWS: readonly { readonly name: string; readonly rule: string; readonly tamper: Tamper }[] = [
  {
    name: 'stays on the first direct address for ever',
    rule: 'black-hole',
    tamper: paths((path) =>
      path.direct === undefined ? undefined : { mode: 'direct', direct: path.direct },
    ),
  },
  {
    name: 'never leaves the relay',
    rule: 'no-direct-path',
    tamper: paths(({ relayRegion }) => ({ mode: relayRegion === undefined ? 'none' : 'relay', relayRegion })),
  },
  {
    name: 'believes an address nobody has proven',
    rule: 'unproven-path',
    tamper: paths((path) => ({ ...path, mode: 'direct', direct: { ip: '66.66.66.67', port: 9 } })),
  },
  {
    name: 'repeats each probe many times',
    rule: 'probe-storm',
    tamper: (deps) => ({
      ...deps,
      sendUdp: (to, data, via) => {
        for (let i = 0; i < 200; i++) deps.sendUdp(to, data, via);
      },
    }),
  },
  {
    name: 'takes any address for good',
    rule: 'forbidden-address',
    tamper: (deps) => ({
      ...deps,
      sendUdp: (to, data, via) => {
        deps.sendUdp(to, data, via);
        deps.sendUdp({ ip: '127.0.0.1', port: to.port }, data, via);
      },
    }),
  },
  {
    name: 'keeps asking while nobody talks',
    rule: 'idle-noise',
    tamper: (deps, machine) => {
      const beat = (): void => {
        const to = machine.facts.endpoints[0];
        if (to !== undefined) deps.sendUdp(to, new Uint8Array(124));
        deps.clock.after(20_000, beat);
      };
      deps.clock.after(20_000, beat);
      return deps;
    },
  },
  {
    name: 'answers a spoofed ping many times',
    rule: 'amplification',
    tamper: (deps) => ({
      ...deps,
      sendUdp: (to, data, via) => {
        for (let i = 0; i < 3; i++) deps.sendUdp(to, data, via);
      },
    }),
  },
];

test.each(ROWS)('$name: $rule', async ({ rule, tamper }) => {
  const broken = new Set<string>();
  for (const seed of SEEDS) {
    const result = await simulate(randomPlan(seed), { tamper });
    for (const violation of result.violations) broken.add(violation.rule);
    if (broken.has(rule)) break;
  }
  expect([...broken]).toContain(rule);
});
