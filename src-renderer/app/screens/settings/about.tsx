/** What runs here, in which versions, and where to read more. */
import type { PageKind } from '#shared/bridge/contract.ts';
import { Button } from '../../../ui/button.tsx';
import { Fact, Facts } from '../../../ui/page.tsx';
import { tellFailed } from '../../../ui/toast.tsx';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { ask, failureText } from '../../store/act.ts';
import { useApp, useSnapshot } from '../../store/store.ts';

const PAGES = ['help', 'release-notes', 'source'] as const satisfies readonly PageKind[];

/** A host without a browser leaves opening to this page. */
async function openPage(kind: PageKind): Promise<void> {
  try {
    const { url, isOpened } = await ask('open.url', { kind });
    if (!isOpened) window.open(url, '_blank', 'noopener,noreferrer');
  } catch (error) {
    tellFailed(failureText(error));
  }
}

export function About(): React.JSX.Element {
  const host = useApp((state) => state.host);
  const daemon = useSnapshot((snapshot) => snapshot.daemon);
  return (
    <>
      <Facts>
        <Fact name={t('settings.about.app')}>{cut(host.version, 60) || '—'}</Fact>
        <Fact name={t('settings.about.daemon')}>{cut(daemon.version, 60) || '—'}</Fact>
        <Fact name={t('settings.about.platform')}>{cut(daemon.platform || host.platform, 60) || '—'}</Fact>
        <Fact name={t('settings.about.shell')}>
          {host.kind === 'electron' ? t('settings.about.electron') : t('settings.about.web')}
        </Fact>
      </Facts>
      <div className="setting-pages">
        {PAGES.map((kind) => (
          <Button key={kind} size="small" onPress={() => void openPage(kind)}>
            {t(`settings.about.${kind}`)}
          </Button>
        ))}
      </div>
    </>
  );
}
