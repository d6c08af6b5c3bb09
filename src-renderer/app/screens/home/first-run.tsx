/** Three short cards for who opens the app for the first time; skipped or read, they do not come back (desktop.md §5.1.7). */
import { BellRing, Power, Shapes } from 'lucide-react';
import { useState } from 'react';
import { announce } from '../../../ui/announce.tsx';
import { Button } from '../../../ui/button.tsx';
import { type Key, t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { go } from '../../shell/route.ts';
import { editGui } from '../../store/act.ts';
import { useApp, useCan } from '../../store/store.ts';

const CARDS = ['switch', 'tray', 'notifications'] as const;
type Card = (typeof CARDS)[number];

const ICONS = { switch: Power, tray: Shapes, notifications: BellRing } as const;

const TRAYS: Readonly<Record<string, Key>> = {
  darwin: 'intro.tray.darwin',
  win32: 'intro.tray.win32',
  linux: 'intro.tray.linux',
};

/** Only beside a window: a page in a browser has no tray, and nothing that could remember. */
export function FirstRun(): React.JSX.Element | null {
  const isWanted = useApp(({ gui, host }) => host.kind === 'electron' && !gui.isIntroduced);
  const [at, setAt] = useState(0);
  const words = useWords();
  const card = CARDS[at];
  if (!isWanted || card === undefined) return null;
  const Icon = ICONS[card];
  const isLast = at === CARDS.length - 1;
  const end = (): void => void editGui({ isIntroduced: true });
  const next = (): void => {
    const after = CARDS[at + 1];
    if (after === undefined) {
      end();
      return;
    }
    setAt(at + 1);
    announce(`${words[after].title}. ${words[after].text}`);
  };
  return (
    <section className="intro" aria-label={t('intro.title')}>
      <Icon aria-hidden="true" className="intro-icon" />
      <div className="intro-texts">
        <p className="soft">{t('intro.step', { at: at + 1, all: CARDS.length })}</p>
        <h2>{words[card].title}</h2>
        <p>{words[card].text}</p>
        <div className="row">
          <Button onPress={next}>{isLast ? t('intro.done') : t('intro.next')}</Button>
          {isLast ? (
            <Button
              kind="quiet"
              onPress={() => {
                end();
                go('/settings/notifications');
              }}
            >
              {t('intro.choose')}
            </Button>
          ) : (
            <Button kind="quiet" onPress={end}>
              {t('intro.skip')}
            </Button>
          )}
        </div>
      </div>
    </section>
  );
}

function useWords(): Readonly<Record<Card, { readonly title: string; readonly text: string }>> {
  const platform = useApp(({ host }) => host.platform);
  const hasTray = useCan('tray');
  const host = useApp(({ host }) => host.trayHost);
  const tray = hasTray ? (TRAYS[platform] ?? 'intro.tray.linux') : 'intro.tray.none';
  const notifications = platform === 'darwin' ? 'intro.notifications.darwin' : 'intro.notifications.text';
  return {
    switch: { title: t('intro.switch'), text: t('intro.switch.text') },
    tray: {
      title: hasTray ? t('intro.tray') : t('intro.window'),
      text: hasTray && host !== undefined ? t('intro.tray.named', { host: cut(host, 40) }) : t(tray),
    },
    notifications: { title: t('intro.notifications'), text: t(notifications) },
  };
}
