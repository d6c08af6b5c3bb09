/** No IP set may contain itself (policy.md §5.6). */
import type { Report } from '../text/diagnostic.ts';
import type { PolicyAst } from './ast.ts';

export function checkIpSetCycles(ast: PolicyAst, report: Report): void {
  const finished = new Set<string>();
  for (const start of ast.ipsets.keys()) {
    const path: { name: string; next: number }[] = [{ name: start, next: 0 }];
    while (path.length > 0) {
      const here = path.at(-1);
      if (here === undefined) break;
      const operation = finished.has(here.name) ? undefined : ast.ipsets.get(here.name)?.value[here.next++];
      if (operation === undefined) {
        finished.add(here.name);
        path.pop();
        continue;
      }
      const { selector, at } = operation.operand;
      if (selector.kind !== 'ipset' || finished.has(selector.text)) continue;
      const loop = path.findIndex(({ name }) => name === selector.text);
      if (loop < 0) path.push({ name: selector.text, next: 0 });
      else {
        const names = [...path.slice(loop).map(({ name }) => name), selector.text].join(' → ');
        report.error('ipset-cycle', `IP sets may not contain themselves: ${names}`, at);
      }
    }
  }
}
