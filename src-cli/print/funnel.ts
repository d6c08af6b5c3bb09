/** The summary of funnels below `rhumb status` (localapi-and-daemon.md §4.5). */

/** The parts of a serve configuration that the summary needs. */
export interface FunnelConfig {
  /** By `host:port`. */
  readonly funnels: Readonly<Record<string, boolean>>;
  /** Ports that forward plain TCP. */
  readonly tcpPorts: ReadonlySet<string>;
}

/** '' when no funnel is on. */
export function renderFunnels({ funnels, tcpPorts }: FunnelConfig): string {
  const on = Object.keys(funnels)
    .filter((name) => funnels[name] === true)
    .sort();
  if (on.length === 0) return '';
  const lines = on.map((name) => {
    const colon = name.lastIndexOf(':');
    const host = name.slice(0, colon).replace(/^\[|\]$/g, '');
    const port = name.slice(colon + 1);
    if (tcpPorts.has(port)) return `#     - tcp://${host}:${port}`;
    return port === '443' ? `#     - https://${host}` : `#     - https://${host}:${port}`;
  });
  return ['', '# Funnel on:', ...lines, '', ''].join('\n');
}

export const renderFunnelError = (message: string): string =>
  `\n# Funnel:\n#     - Unable to get Funnel status: ${message}\n`;
