/** Name servers through Debian's resolvconf: a record of ours, and a script that makes it the only one (resolvconf(8)). */
import { access, chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import { writeFileAtomic } from '#shared/node/atomic-file.ts';
import type { BaseDns } from '../compile.ts';
import type { SystemDns } from '../types.ts';
import { failed, mustRun, type RunProgram } from './program.ts';
import { asks, joined, readResolvConf, resolvConfLines, withoutUs } from './resolv-conf.ts';
import { readText } from './resolv-files.ts';
import type { SystemResolver } from './types.ts';

export interface DebianDeps {
  readonly tunName: string;
  readonly run: RunProgram;
  readonly places?: DebianPlaces;
}

export interface DebianPlaces {
  /** Scripts that run after each change, in the folder of the records. */
  readonly hooks: string;
  /** Where the records may be, the newest custom first. */
  readonly records: readonly string[];
  readonly resolvConf: string;
  /** Names the records in the order in which they count. */
  readonly listRecords: readonly string[];
}

const PLACES: DebianPlaces = {
  hooks: '/etc/resolvconf/update-libc.d',
  records: ['/run/resolvconf/interface', '/etc/resolvconf/run/interface', '/var/run/resolvconf/interface'],
  resolvConf: '/etc/resolv.conf',
  listRecords: ['/lib/resolvconf/list-records', '/usr/lib/resolvconf/list-records'],
};

const MAX_RECORDS = 64;

/** "tun" comes before other links in the order that resolvconf is installed with. */
const recordOf = (tunName: string): string => `tun-${tunName}.rhumb`;

/** Names with a dot are passed over (run-parts(8)). */
const hookOf = (tunName: string): string => `rhumb-${tunName.replaceAll('.', '_')}`;

export class DebianResolvconfDns implements SystemResolver {
  readonly mode = 'debian-resolvconf';
  readonly canSplit = false;
  readonly #run: RunProgram;
  readonly #tunName: string;
  readonly #places: DebianPlaces;

  constructor({ run, tunName, places = PLACES }: DebianDeps) {
    this.#run = run;
    this.#tunName = tunName;
    this.#places = places;
  }

  async set({ nameservers, searchDomains }: SystemDns): Promise<void> {
    const { hooks, resolvConf } = this.#places;
    const record = recordOf(this.#tunName);
    const hook = join(hooks, hookOf(this.#tunName));
    try {
      const made = await mkdir(dirname(hook), { recursive: true });
      await writeFileAtomic(hook, exclusiveHook(record, resolvConf), 0o755);
      // Whatever the mask of this process keeps from others.
      for (const path of made === undefined ? [hook] : [made, hook]) await chmod(path, 0o755);
    } catch (error) {
      throw new RhumbError(
        'unavailable',
        `write ${hook}: ${error instanceof Error ? error.message : error}`,
        {
          cause: error,
        },
      );
    }
    const input = resolvConfLines({ nameservers, searchDomains });
    await this.#change(['resolvconf', '-a', record], input, async () =>
      asks(readResolvConf((await readText(resolvConf)) ?? ''), nameservers),
    ).catch(async (error: unknown) => {
      await this.restore().catch(() => false);
      throw error;
    });
  }

  /** The record first: with the script gone and the record there, ours would be mixed with the others'. */
  async restore(): Promise<boolean> {
    const hook = join(this.#places.hooks, hookOf(this.#tunName));
    const hasHook = await exists(hook);
    if (!hasHook && !(await this.#hasRecord())) return false;
    const record = ['resolvconf', '-d', recordOf(this.#tunName)];
    await this.#change(record, '', async () => !(await this.#hasRecord()));
    await rm(hook, { force: true });
    return true;
  }

  /** What resolvconf would write without us: all other records, in their order. */
  async base(): Promise<BaseDns> {
    const folder = await this.#folder();
    if (folder === undefined) return { nameservers: [], searchDomains: [] };
    const list = await firstOf(this.#places.listRecords);
    if (list === undefined) throw new RhumbError('not-found', 'resolvconf lacks its program list-records');
    const names = (await mustRun(this.#run, [list], { folder })).split('\n');
    const others = names.filter((name) => isRecordName(name) && name !== recordOf(this.#tunName));
    const found: BaseDns[] = [];
    for (const name of others.slice(0, MAX_RECORDS)) {
      // One that went meanwhile says nothing.
      const text = await readFile(join(folder, name), 'utf8').catch(() => '');
      found.push(readResolvConf(text));
    }
    return withoutUs(joined(found));
  }

  async baseNameservers(): Promise<readonly string[]> {
    return (await this.base()).nameservers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is open.
  }

  /** It fails when the script of any other package does, after having done its own part: that is then looked at. */
  async #change(argv: readonly string[], input: string, isDone: () => Promise<boolean>): Promise<void> {
    const { code, stderr } = await this.#run(argv, { input });
    if (code !== 0 && !(await isDone())) throw failed(argv, code, stderr);
  }

  #folder(): Promise<string | undefined> {
    return firstOf(this.#places.records);
  }

  async #hasRecord(): Promise<boolean> {
    const folder = await this.#folder();
    return folder !== undefined && (await exists(join(folder, recordOf(this.#tunName))));
  }
}

const isRecordName = (name: string): boolean => /^[A-Za-z0-9_@:!-][A-Za-z0-9_@:!.-]{0,100}$/.test(name);

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * resolvconf mixes all records and knows no way to have only one. It runs this after it has written the file, which is
 * then written once more. `options` and `sortlist` of the administrator stay.
 */
const exclusiveHook = (record: string, resolvConf: string): string => `#!/bin/sh
# Written by rhumbd, removed by rhumbd: while its record is there, the file has no other name servers.
set -eu
[ -f '${record}' ] || exit 0
[ -z "\${RHUMB_HOOK:-}" ] || exit 0
grep -q resolvconf '${resolvConf}' || exit 0
config=/etc/resolvconf/resolv.conf.d
target=$(readlink -f '${resolvConf}')
new="$target.rhumb"
{
	if [ -f "$config/head" ]; then cat "$config/head"; fi
	cat '${record}'
	if [ -f "$config/base" ]; then grep -E '^[[:space:]]*(options|sortlist)[[:space:]]' "$config/base" || :; fi
	if [ -f "$config/tail" ]; then cat "$config/tail"; fi
} >"$new"
chmod 644 "$new"
mv -f "$new" "$target"
# Whoever else wants to know of changes was told before this one.
RHUMB_HOOK=1 run-parts /etc/resolvconf/update-libc.d
`;
