/** Flags in words, for the help and the documents. */
import { dashed, type Flag, initialOf } from '../commands/spec.ts';
import { formatDuration } from '../print/duration.ts';

const PLACEHOLDERS = { bool: '', text: 'text', int: 'number', duration: 'duration' } as const;

/** `--json`, `--peers=false` for what is on anyway, `--timeout <duration>`. */
export function flagTerm(flag: Flag): string {
  const name = dashed(flag.name);
  if (flag.kind === 'bool') return initialOf(flag) === true ? `${name}=false` : name;
  return `${name} <${flag.value ?? PLACEHOLDERS[flag.kind]}>`;
}

/** Defaults that say nothing are left out. */
export function flagAbout(flag: Flag): string {
  const initial = initialOf(flag);
  const text = flag.kind === 'duration' ? formatDuration(Number(initial)) : String(initial);
  return ['', 'false', '0', '0s', 'true'].includes(text) ? flag.about : `${flag.about} (default ${text})`;
}
