/** The frame around every screen: where one can go, which account it is, and layers over everything. */
import { ArrowLeft, Search } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { LiveRegions } from '../../ui/announce.tsx';
import { IconButton } from '../../ui/button.tsx';
import { Toasts } from '../../ui/toast.tsx';
import { t } from '../i18n/text.ts';
import { SshOver } from '../lib/device-actions.tsx';
import { useUi } from '../store/store.ts';
import { AccountButton } from './account-button.tsx';
import { useAnnouncedState } from './announce-state.ts';
import { ConfirmOff } from './confirm-off.tsx';
import { Fence } from './fence.tsx';
import { useHomeWhenHidden } from './home-when-hidden.ts';
import { useKeptFocus } from './keep-focus.ts';
import { KeySheet } from './key-sheet.tsx';
import { useKeys } from './keys.ts';
import { Navigation, TabBar } from './nav.tsx';
import { Palette } from './palette.tsx';
import { ReadOnlyBanner } from './read-only.tsx';
import { goBack, usePath } from './route.ts';
import { sectionAt } from './sections.ts';
import './shell.css';

export function Shell({ children }: { readonly children: ReactNode }): React.JSX.Element {
  const path = usePath();
  const ui = useUi();
  const [over, setOver] = useState<'palette' | 'keys'>();
  const main = useRef<HTMLElement>(null);
  useKeys({ openPalette: () => setOver('palette'), openKeys: () => setOver('keys') });
  useAnnouncedState();
  useKeptFocus();
  useHomeWhenHidden();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another screen begins at its top
  useEffect(() => {
    // Newer browsers answer with a promise, which is no way to clean up.
    void main.current?.scrollTo(0, 0);
  }, [path]);
  return (
    <div className="shell" data-ui={ui}>
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        {t('shell.skip')}
      </button>
      <header className="topbar" data-pane="" tabIndex={-1}>
        <TopBarStart path={path} />
        <IconButton icon={Search} label={t('shell.palette')} onPress={() => setOver('palette')} />
      </header>
      <div className="sidebar" data-pane="" tabIndex={-1}>
        <Fence>
          <Navigation onSearch={() => setOver('palette')} onKeys={() => setOver('keys')} />
        </Fence>
      </div>
      <main
        id="main"
        ref={main}
        tabIndex={-1}
        className="main"
        data-pane=""
        aria-busy={ui === 'reconnecting'}
      >
        <ReadOnlyBanner />
        {children}
      </main>
      <TabBar />
      <Fence of={over ?? ''}>
        {over === 'palette' ? <Palette onClose={() => setOver(undefined)} /> : null}
        {over === 'keys' ? <KeySheet onClose={() => setOver(undefined)} /> : null}
        <ConfirmOff />
        <SshOver />
      </Fence>
      <Toasts />
      <LiveRegions />
    </div>
  );
}

/** On a narrow window: back from what was opened, else whose network it is. */
function TopBarStart({ path }: { readonly path: string }): React.JSX.Element {
  const section = sectionAt(path);
  const isTop = section !== undefined && section.place !== undefined && path === section.path;
  return isTop ? <AccountButton /> : <IconButton icon={ArrowLeft} label={t('shell.back')} onPress={goBack} />;
}
