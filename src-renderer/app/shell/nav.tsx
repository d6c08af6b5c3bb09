/** Where one can go: a column beside the screen, or a bar below it where there is little room. */
import { Keyboard, Search } from 'lucide-react';
import { Button as AriaButton } from 'react-aria-components';
import { IconButton } from '../../ui/button.tsx';
import { t } from '../i18n/text.ts';
import { cut } from '../lib/foreign.tsx';
import { useApp, useSnapshot } from '../store/store.ts';
import { AccountButton } from './account-button.tsx';
import { Link } from './link.tsx';
import { chordText } from './platform.ts';
import { usePath } from './route.ts';
import type { Section } from './section.ts';
import { navigation, sectionAt } from './sections.ts';

export function Navigation({
  onSearch,
  onKeys,
}: {
  readonly onSearch: () => void;
  readonly onKeys: () => void;
}): React.JSX.Element {
  return (
    <>
      <header className="nav-head">
        <AccountButton />
        <AriaButton className="nav-search" onPress={onSearch}>
          <Search aria-hidden="true" />
          <span>{t('shell.search')}</span>
          <kbd>{chordText({ key: 'k', command: true })}</kbd>
        </AriaButton>
      </header>
      <nav aria-label={t('shell.sections')} className="nav">
        <NavList />
        <div className="nav-foot">
          <Version />
          <IconButton size="small" icon={Keyboard} label={t('keys.title')} onPress={onKeys} />
        </div>
      </nav>
    </>
  );
}

export const TabBar = (): React.JSX.Element => (
  <nav aria-label={t('shell.sections')} className="tabbar" data-pane="" tabIndex={-1}>
    <NavList />
  </nav>
);

function NavList(): React.JSX.Element {
  const path = usePath();
  const current = sectionAt(path);
  return (
    <ul className="nav-list">
      {navigation.map((section) => (
        <li key={section.id}>
          <NavItem section={section} isCurrent={current?.id === section.id} />
        </li>
      ))}
    </ul>
  );
}

function NavItem({
  section: { path, title, icon: Icon },
  isCurrent,
}: {
  readonly section: Section;
  readonly isCurrent: boolean;
}): React.JSX.Element {
  return (
    <Link to={path} className="nav-item" isCurrent={isCurrent}>
      <Icon aria-hidden="true" />
      <span className="nav-text">{title()}</span>
    </Link>
  );
}

function Version(): React.JSX.Element {
  const own = useApp(({ host }) => host.version);
  const version = useSnapshot(({ daemon }) => daemon.version) || own;
  const newer = useSnapshot(({ newVersion }) => newVersion?.version);
  const shown = version.split('-')[0] ?? '';
  if (newer === undefined)
    return <span className="nav-version">{shown === '' ? 'Rhumb' : `Rhumb ${cut(shown, 24)}`}</span>;
  return (
    <Link to="/settings/updates" className="nav-version nav-update">
      <span className="dot dot-accent" aria-hidden="true" />
      {t('shell.update', { version: newer })}
    </Link>
  );
}
