/** The parts of the configuration that change one by one while the server runs. */
import type { Config } from './config.ts';

/** What machines are told about names can change at any time, unlike who answers and who publishes for them. */
export type Key = Exclude<keyof Config, 'dns'> | 'dns.settings' | 'dns.responder' | 'dns.https';

export function partsOf(config: Config): ReadonlyMap<Key, unknown> {
  const { dns, ...others } = config;
  const { responderAddress, canPublish, ...settings } = dns.settings;
  return new Map<Key, unknown>([
    ...(Object.entries(others) as [Key, unknown][]),
    ['dns.settings', settings],
    ['dns.responder', { ...dns.responder, address: responderAddress }],
    ['dns.https', { ...dns.publish, canPublish }],
  ]);
}

/** As it was, but for one part as `next` has it. */
export function withPart(config: Config, key: Key, next: Config): Config {
  const { dns } = config;
  switch (key) {
    case 'dns.settings': {
      const { responderAddress, canPublish } = dns.settings;
      return { ...config, dns: { ...dns, settings: { ...next.dns.settings, responderAddress, canPublish } } };
    }
    case 'dns.responder': {
      const settings = { ...dns.settings, responderAddress: next.dns.settings.responderAddress };
      return { ...config, dns: { ...dns, settings, responder: next.dns.responder } };
    }
    case 'dns.https': {
      const settings = { ...dns.settings, canPublish: next.dns.settings.canPublish };
      return { ...config, dns: { ...dns, settings, publish: next.dns.publish } };
    }
    default:
      return { ...config, [key]: next[key] };
  }
}
