/** What is said beside facts that nobody confirms at the moment. */
import { formatSince } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { useApp, useUi } from '../../store/store.ts';

/** Undefined while they are news. */
export function useAsOf(): string | undefined {
  const ui = useUi();
  const atMs = useApp(({ asOfMs }) => asOfMs);
  const nowMs = useApp((state) => state.nowMs);
  if (ui !== 'off' && ui !== 'reconnecting') return undefined;
  return atMs === undefined
    ? t('home.glance.asOf')
    : t('home.glance.asOfTime', { time: formatSince(atMs, nowMs) });
}
