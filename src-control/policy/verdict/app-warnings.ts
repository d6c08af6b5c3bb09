/** Apps that nobody serves, and what is probably missing (coordination-server.md §24.3). */
import { appsServedBy } from '../compile/apps.ts';
import type { CompiledPolicy } from '../compile/compiled.ts';
import type { AppConnector } from '../language/ast.ts';
import type { Report } from '../text/diagnostic.ts';

export function warnOfApps({ ast, machines, resolver }: CompiledPolicy, report: Report): void {
  const served = new Set(machines.flatMap((machine) => appsServedBy(resolver, machine)));
  const warn = (app: AppConnector, what: string): void =>
    report.warn('app-unserved', `nobody serves ${nameOf(app)}: ${what}`, app.at);
  for (const { apps } of ast.nodeAttrs)
    for (const app of apps) {
      if (app.domains.length === 0 && app.routes.length === 0)
        report.warn('app-empty', `${nameOf(app)} has neither domains nor routes`, app.at);
      if (served.has(app)) continue;
      const named = machines.filter(({ tags }) =>
        app.connectors.some(({ text }) => text === '*' || tags.includes(text)),
      );
      if (named.length === 0)
        warn(app, `no machine has ${app.connectors.map(({ text }) => text).join(' or ')}`);
      else if (named.some(({ offersApps }) => offersApps)) warn(app, 'its connectors are not in target');
      else warn(app, 'run `tailscale set --advertise-connector` on its connectors');
    }
}

const nameOf = ({ name }: AppConnector): string => (name === '' ? 'this app' : JSON.stringify(name));
