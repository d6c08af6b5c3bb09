/** The frame around every screen: where one can go, who one is, and whether what is shown is current. */
import { Keyboard, LogOut, Menu as MenuIcon, Monitor, Moon, Search, Sun, User, X } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Button as AriaButton, Dialog as AriaDialog, Modal, ModalOverlay } from 'react-aria-components';
import { LiveRegions } from '../../ui/announce.tsx';
import { Button, IconButton } from '../../ui/button.tsx';
import { Menu } from '../../ui/menu.tsx';
import { Notice } from '../../ui/notice.tsx';
import { t } from '../../ui/text.ts';
import { Toasts } from '../../ui/toast.tsx';
import { openLine, useLink } from '../api/live.ts';
import { useQuery } from '../api/query.ts';
import { KeySheet } from './key-sheet.tsx';
import { useKeys } from './keys.ts';
import { Link } from './link.tsx';
import { Palette } from './palette.tsx';
import { useRoute } from './route.ts';
import { groupsFor, type Section, sectionAt } from './sections.tsx';
import { endSession, useMay, useSession } from './session.ts';
import { saveTheme } from './theme.ts';
import './shell.css';

export function Shell({ children }: { readonly children: ReactNode }): React.JSX.Element {
  const { path } = useRoute();
  const [isNavOpen, setNavOpen] = useState(false);
  const [over, setOver] = useState<'palette' | 'keys'>();
  const main = useRef<HTMLElement>(null);
  useKeys({ openPalette: () => setOver('palette'), openKeys: () => setOver('keys') });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another screen begins at its top, with the menu closed
  useEffect(() => {
    setNavOpen(false);
    main.current?.scrollTo(0, 0);
  }, [path]);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t('Skip to content')}
      </a>
      <header className="topbar">
        <IconButton icon={MenuIcon} label={t('Menu')} onPress={() => setNavOpen(true)} />
        <Brand />
        <IconButton icon={Search} label={t('Search everything')} onPress={() => setOver('palette')} />
      </header>
      <aside className="sidebar">
        <Sidebar onSearch={() => setOver('palette')} onKeys={() => setOver('keys')} />
      </aside>
      <main id="main" ref={main} tabIndex={-1} className="main">
        <LinkState />
        {children}
      </main>
      {isNavOpen ? (
        <ModalOverlay isOpen isDismissable onOpenChange={setNavOpen} className="veil nav-veil">
          <Modal className="nav-drawer">
            <AriaDialog aria-label={t('Menu')} className="nav-dialog">
              <div className="nav-close">
                <IconButton icon={X} label={t('Close')} onPress={() => setNavOpen(false)} />
              </div>
              <Sidebar onSearch={() => setOver('palette')} onKeys={() => setOver('keys')} />
            </AriaDialog>
          </Modal>
        </ModalOverlay>
      ) : null}
      {over === 'palette' ? <Palette onClose={() => setOver(undefined)} /> : null}
      {over === 'keys' ? <KeySheet onClose={() => setOver(undefined)} /> : null}
      <Toasts />
      <LiveRegions />
    </div>
  );
}

function Brand(): React.JSX.Element {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" aria-hidden="true" className="brand-mark">
        <path d="M8 24 24 8" />
        <circle cx="8" cy="24" r="3.5" />
        <circle cx="24" cy="8" r="3.5" />
      </svg>
      Rhumb
    </span>
  );
}

function Sidebar({
  onSearch,
  onKeys,
}: {
  readonly onSearch: () => void;
  readonly onKeys: () => void;
}): React.JSX.Element {
  const session = useSession();
  const { path } = useRoute();
  const current = sectionAt(path);
  return (
    <>
      <Brand />
      <AriaButton className="nav-search" onPress={onSearch}>
        <Search aria-hidden="true" />
        <span>{t('Search')}</span>
        <kbd>Ctrl K</kbd>
      </AriaButton>
      <nav aria-label={t('Sections')} className="nav">
        {groupsFor(session).map(({ title, sections }) => (
          <div key={title} className="nav-group">
            <div className="nav-title">{title}</div>
            <ul>
              {sections.map((section) => (
                <li key={section.id}>
                  <NavItem section={section} isCurrent={current?.id === section.id} />
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <div className="nav-foot">
        <Account onKeys={onKeys} />
      </div>
    </>
  );
}

function NavItem({
  section: { path, title, icon: Icon, id },
  isCurrent,
}: {
  readonly section: Section;
  readonly isCurrent: boolean;
}): React.JSX.Element {
  return (
    <Link to={path} className="nav-item" isCurrent={isCurrent}>
      <Icon aria-hidden="true" />
      <span className="nav-text">{title}</span>
      {id === 'machines' ? <PendingCount /> : null}
    </Link>
  );
}

/** Machines that wait are news wherever one is. */
function PendingCount(): React.JSX.Element | null {
  const may = useMay();
  const { data } = useQuery('nodes.pending', may('nodes.pending') ? {} : undefined);
  if (data === undefined || data.length === 0) return null;
  return (
    <span className="nav-count">
      {data.length}
      <span className="visually-hidden"> {t('waiting')}</span>
    </span>
  );
}

function Account({ onKeys }: { readonly onKeys: () => void }): React.JSX.Element {
  const session = useSession();
  const { user, role } = session;
  const label = user.displayName || user.name;
  return (
    <Menu
      label={t('Account')}
      actions={[
        [
          {
            id: 'account',
            text: t('My sign-ins and passkeys'),
            icon: User,
            run: () => location.assign('/account'),
          },
          { id: 'keys', text: t('Keyboard shortcuts'), icon: Keyboard, run: onKeys },
        ],
        [
          { id: 'system', text: t('Colours of the system'), icon: Monitor, run: () => saveTheme('system') },
          { id: 'light', text: t('Light'), icon: Sun, run: () => saveTheme('light') },
          { id: 'dark', text: t('Dark'), icon: Moon, run: () => saveTheme('dark') },
        ],
        [{ id: 'out', text: t('Sign out'), icon: LogOut, run: () => void endSession(session) }],
      ]}
    >
      <AriaButton className="account">
        <span className="avatar" aria-hidden="true" data-letter={label.slice(0, 1).toUpperCase()} />
        <span className="visually-hidden">{t('Account')} </span>
        <span className="account-texts">
          <span className="account-name">{label}</span>
          <span className="account-role">{role}</span>
        </span>
      </AriaButton>
    </Menu>
  );
}

const clockTime = new Intl.DateTimeFormat('en', { timeStyle: 'short' });

function LinkState(): React.JSX.Element {
  const link = useLink(({ link }) => link);
  return (
    <div role="status">
      {link.kind === 'lost' && link.attempt > 0 ? (
        <div className="link-state">
          <Notice
            tone="warn"
            action={
              <Button size="small" onPress={openLine}>
                {t('Connect now')}
              </Button>
            }
          >
            {t('The server can’t be reached. What you see is as of {time}; it is tried again by itself.', {
              time: clockTime.format(link.since),
            })}
          </Notice>
        </div>
      ) : null}
    </div>
  );
}
