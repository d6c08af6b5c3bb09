/** What commands say of a configuration that was written for Headscale: what it comes to here, and what of it is nothing. */
import type { Log } from '#shared/log/log.ts';
import { readHeadscaleConfig } from '../server/config-schema.ts';
import { type OutputFormat, structured } from './print.ts';

/** Once, when the server starts. */
export function tellIgnored(log: Log, file: string | undefined): void {
  for (const { key, why } of readHeadscaleConfig(file)?.ignored ?? [])
    log('warn', 'config.ignored', { key, why });
}

/** Undefined where there is nothing to translate. As text it is a file of ours, with what was left as comments. */
export function showTranslated(file: string | undefined, format: OutputFormat): string | undefined {
  const found = readHeadscaleConfig(file);
  if (found === undefined) return undefined;
  const settings = withoutSecrets(found.value);
  if (format !== 'text') return structured(format, { settings, ignored: found.ignored });
  return [
    ...found.ignored.map(({ key, why }) => `# ignored: ${key}: ${why}`),
    structured('yaml', settings),
  ].join('\n');
}

function withoutSecrets(settings: unknown): unknown {
  if (Array.isArray(settings)) return settings.map(withoutSecrets);
  if (typeof settings !== 'object' || settings === null) return settings;
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      key,
      key === 'clientSecret' ? '(secret)' : withoutSecrets(value),
    ]),
  );
}
