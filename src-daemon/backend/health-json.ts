/** Warnings as clients of the local API read them (localapi-and-daemon.md §2.6). */
import { createHash } from 'node:crypto';
import type { HealthState, Warning } from '#shared/localapi/notify.ts';
import type { Unhealthy } from '../health/health.ts';

export function healthState(visible: readonly Unhealthy[]): HealthState {
  const warnings: Record<string, Warning> = {};
  for (const item of visible) warnings[item.code] = toWarning(item);
  return { Warnings: visible.length > 0 ? warnings : undefined };
}

function toWarning(item: Unhealthy): Warning {
  const plain = {
    WarnableCode: item.code,
    Severity: item.severity,
    Title: item.title,
    Text: item.text,
    BrokenSince: item.brokenSince,
    Args: item.args,
    DependsOn: item.dependsOn.length > 0 ? item.dependsOn : undefined,
    ImpactsConnectivity: item.impactsConnectivity,
    PrimaryAction: item.action === undefined ? undefined : { URL: item.action.url, Label: item.action.label },
  };
  // Equal content, equal tag: clients use it to see that a warning they dismissed has changed.
  return { ...plain, ETag: createHash('sha256').update(JSON.stringify(plain)).digest('hex') };
}

/** For watchers that don't know actions: each becomes part of the text. */
export function foldActions(state: HealthState): HealthState {
  if (state.Warnings === undefined) return state;
  const folded = Object.entries(state.Warnings).map(([code, warning]) => {
    if (warning.PrimaryAction === undefined) return [code, warning] as const;
    const { Label, URL } = warning.PrimaryAction;
    return [
      code,
      { ...warning, Text: `${warning.Text} ${Label}: ${URL}`, PrimaryAction: undefined },
    ] as const;
  });
  return { Warnings: Object.fromEntries(folded) };
}
