/** App connectors of nodeAttrs: names that some machines look up for the others, and whose traffic they carry (coordination-server.md §24.3). */
import { isIP } from 'node:net';
import { parsePrefix } from '#shared/ip/address.ts';
import { type Cidr, cidrOf } from '../sets/ranges.ts';
import { suggestion } from '../text/suggest.ts';
import type { Member, Tree } from '../text/tree.ts';
import type { AppConnector, NodeAttrRule, WireApp, Word } from './ast.ts';
import type { Checker } from './check.ts';
import type { Reader } from './read.ts';

/** The only name that `app` of nodeAttrs knows, and the capability under which machines get it. */
export const APP_CONNECTORS = 'tailscale.com/app-connectors';

const SHAPE = { fields: ['name', 'connectors', 'domains', 'routes', 'presetAppID'], hasComments: true };
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_NAME = 253;

export function readApps(reader: Reader, member: Member | undefined): readonly AppConnector[] {
  const apps: AppConnector[] = [];
  reader.table(member, 'app', (value, key) => {
    if (key.value !== APP_CONNECTORS)
      reader.report.error(
        'nodeattr-app',
        `unknown nodeAttrs app ${JSON.stringify(key.value)}: only ${APP_CONNECTORS} is defined`,
        key,
      );
    const items = reader.array({ key, value }, 'app');
    for (const item of items) {
      const app = readApp(reader, item);
      if (app !== undefined) apps.push(app);
    }
    return items;
  });
  return apps;
}

function readApp(reader: Reader, tree: Tree): AppConnector | undefined {
  const fields = reader.fields(tree, 'an app connector', SHAPE);
  if (fields === undefined) return undefined;
  const [named, preset] = [fields.get('name'), fields.get('presetAppID')];
  const name = named === undefined ? '' : (reader.string(named.value, 'name') ?? '');
  if (preset !== undefined && reader.string(preset.value, 'presetAppID') !== undefined)
    reader.report.warn(
      'unsupported-feature',
      'this server keeps no list of well-known apps, so presetAppID has no effect: write the domains of the app',
      preset.value,
    );
  const connectors = reader.words(fields.get('connectors'), 'connectors');
  const domains = reader
    .words(fields.get('domains'), 'domains')
    .flatMap((word) => readDomain(reader, word) ?? []);
  const routes = reader
    .words(fields.get('routes'), 'routes')
    .flatMap((word) => readRoute(reader, word) ?? []);
  if (connectors.length === 0)
    reader.report.error(
      'app-connectors-none',
      'an app must name its connectors: ["tag:connector"], or ["*"] for every machine that offers itself',
      tree,
    );
  return { at: tree, name, connectors, domains, routes, wire: wireOf(name, connectors, domains, routes) };
}

/** Clients take lower case without a dot at the end, and only whole prefixes. */
const wireOf = (
  name: string,
  connectors: readonly Word[],
  domains: readonly Word[],
  routes: readonly Cidr[],
): WireApp => ({
  ...(name === '' ? {} : { name }),
  ...(domains.length === 0 ? {} : { domains: domains.map(({ text }) => text) }),
  ...(routes.length === 0 ? {} : { routes: routes.map(({ text }) => text) }),
  ...(connectors.length === 0 ? {} : { connectors: connectors.map(({ text }) => text) }),
});

function readDomain(reader: Reader, { text, at }: Word): Word | undefined {
  const lower = text.toLowerCase().replace(/\.$/, '');
  const name = lower.replace(/^\*\./, '');
  const isName =
    name.length <= MAX_NAME && isIP(name) === 0 && name.split('.').every((label) => LABEL.test(label));
  if (isName) return { text: lower, at };
  const hint = isIP(name) !== 0 || name.includes('/') ? ': addresses go into routes' : '';
  reader.report.error(
    'app-domain',
    `${JSON.stringify(text)} is not a domain such as "example.com" or "*.example.com"${hint}`,
    at,
  );
  return undefined;
}

function readRoute(reader: Reader, { text, at }: Word): Cidr | undefined {
  const prefix = parsePrefix(text);
  if (prefix !== undefined && prefix.bits > 0) return cidrOf(prefix);
  reader.report.error(
    'app-route',
    `${JSON.stringify(text)} is not a route of an app: write a prefix such as 192.0.2.0/24`,
    at,
  );
  return undefined;
}

/** Connectors are declared tags or `*`; one domain belongs to one app. */
export function checkApps({ ast, report }: Checker, { apps }: NodeAttrRule, seen: Map<string, string>): void {
  for (const { name, connectors, domains } of apps) {
    for (const { text, at } of connectors) {
      if (text === '*' || ast.tagOwners.has(text)) continue;
      if (text.startsWith('tag:'))
        report.error(
          'undefined-tag',
          `tag not found: ${JSON.stringify(text)}${suggestion(text, ast.tagOwners.keys())}`,
          at,
        );
      else
        report.error(
          'app-connector',
          `${JSON.stringify(text)} can't be a connector: write a tag, or "*"`,
          at,
        );
    }
    for (const { text, at } of domains) {
      const other = seen.get(text);
      if (other === undefined) seen.set(text, name);
      else
        report.warn(
          'app-domain-twice',
          `${JSON.stringify(text)} belongs to the app ${JSON.stringify(other)} already: connectors of both are asked`,
          at,
        );
    }
  }
}
