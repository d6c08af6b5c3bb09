/** The native engine's cipher alone, beside the ciphers that it could have used: the limit of everything else. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { exec } from '../e2e/lab/exec.ts';
import { type Figures, ROOT } from '../e2e/lab/figures.ts';
import type { Benchmark, Measured } from './benchmark.ts';

const BUILD_AND_RUN_MS = 900_000;
/** Nanoseconds to seal and to open one packet, by back end and size (`native/examples/aead.rs`). */
const report = z.record(z.string(), z.record(z.string(), z.tuple([z.number(), z.number()])));
/** Ours, the best first. */
const LANES = ['Avx512Ifma', 'Avx512', 'Avx2'];
const OTHERS: Readonly<Record<string, string>> = { Single: 'ring', RustCrypto: 'RustCrypto' };

async function run(): Promise<Measured> {
  const argv = ['cargo', 'run', '--release', '--locked', '--quiet', '--example', 'aead'];
  const manifest = ['--manifest-path', join(ROOT, 'native/Cargo.toml')];
  const { stdout } = await exec([...argv, ...manifest], { timeoutMs: BUILD_AND_RUN_MS });
  const found = report.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
  const best = LANES.find((name) => name in found) ?? 'Single';
  const peers = Object.entries(OTHERS).flatMap(([name, title]) =>
    name === best || found[name] === undefined ? [] : [[title, figuresOf(found[name])] as const],
  );
  return { figures: figuresOf(found[best] ?? {}), peers: Object.fromEntries(peers) };
}

const figuresOf = (bySize: Readonly<Record<string, readonly [number, number]>>): Figures =>
  Object.fromEntries(
    Object.entries(bySize).flatMap(([size, [seal, open]]) => [
      [`seal${size}Ns`, seal],
      [`open${size}Ns`, open],
    ]),
  );

const hasCargo = (): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'cargo')));

export const aead: Benchmark = {
  name: 'aead',
  what: 'nanoseconds per packet of the cipher alone, beside ring and RustCrypto',
  whyNot: () => (hasCargo() ? undefined : 'no Rust toolchain here'),
  run,
};
