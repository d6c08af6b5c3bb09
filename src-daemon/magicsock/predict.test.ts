/** Guesses at ports: what is listed, and how often a guess meets an open port. */
import { expect, test } from 'vitest';
import { nextPorts, spreadPorts } from './predict.ts';
import { LISTED_GUESSES, MAX_GUESSES, SOCKETS } from './punch.ts';
import { seeded } from './scene.ts';
import type { MappingSample } from './types.ts';

const seen = (...ports: readonly number[]): MappingSample[] =>
  ports.map((port, i) => ({
    server: { ip: `192.0.2.${i}`, port: 3_478 },
    mapped: { ip: '203.0.113.1', port },
  }));
const next = (...ports: readonly number[]): number[] => nextPorts(seen(...ports), 3).map(({ port }) => port);

test.each([
  ['a NAT that counts up', [4_000, 4_001, 4_003], [4_004, 4_005, 4_006]],
  ['one that counts down', [4_003, 4_002], [4_001, 4_000, 3_999]],
  ['one that begins anew at the end', [65_534, 65_535], [1_024, 1_025, 1_026]],
  ['one that gives the same port to all', [4_000, 4_000], []],
  ['one that draws ports', [4_000, 61_000, 17_000], []],
  ['a single sample', [4_000], []],
  ['none', [], []],
])('%s', (_name, ports, wanted) => expect(next(...ports)).toEqual(wanted));

test('a private address is no NAT of ours', () => {
  const inner = seen(1, 2).map((sample) => ({ ...sample, mapped: { ...sample.mapped, ip: '10.0.0.1' } }));
  expect(nextPorts(inner, 3)).toEqual([]);
});

test('guesses are different ports that a NAT gives out, those after the known ones first', () => {
  const ports = spreadPorts({ known: [40_000, 40_007], count: 256, random: 0.5 });
  expect(new Set(ports).size).toBe(256);
  expect(ports.slice(0, 3)).toEqual([40_008, 40_009, 40_010]);
  expect(Math.min(...ports)).toBeGreaterThanOrEqual(1_024);
  expect(Math.max(...ports)).toBeLessThanOrEqual(65_535);
});

/** In how many of 1000 attempts one of the open ports is guessed. */
function share(open: (random: () => number) => readonly number[], count: number): number {
  const random = seeded(1);
  let hits = 0;
  for (let i = 0; i < 1_000; i++) {
    const ports = new Set(open(random));
    if (spreadPorts({ known: [], count, random: random() }).some((port) => ports.has(port))) hits++;
  }
  return hits / 1_000;
}
const drawn = (random: () => number): number[] =>
  Array.from({ length: SOCKETS }, () => 1_024 + Math.floor(random() * 64_512));
const counted = (random: () => number): number[] => {
  const first = 1_024 + Math.floor(random() * (64_512 - SOCKETS));
  return Array.from({ length: SOCKETS }, (_, i) => first + i);
};

test.each([
  ['drawn ports, an official peer', drawn, LISTED_GUESSES, 0.58, 0.7],
  ['drawn ports, a peer of ours', drawn, MAX_GUESSES, 0.96, 1],
  ['counted ports, an official peer', counted, LISTED_GUESSES, 0.99, 1],
  ['counted ports, a peer of ours', counted, MAX_GUESSES, 1, 1],
] as const)('the chance against %s', (_name, open, count, least, most) => {
  const found = share(open, count);
  expect(found).toBeGreaterThanOrEqual(least);
  expect(found).toBeLessThanOrEqual(most);
});
