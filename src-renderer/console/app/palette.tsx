/** One field to go anywhere: sections, machines, users. The quickest way for who uses the keyboard. */
import { type LucideIcon, MonitorSmartphone, Search, UserRound } from 'lucide-react';
import { useMemo, useState } from 'react';
import {
  Dialog as AriaDialog,
  Autocomplete,
  Input,
  Menu,
  MenuItem,
  Modal,
  ModalOverlay,
  SearchField,
  Text,
} from 'react-aria-components';
import { t } from '../../ui/text.ts';
import { useQuery } from '../api/query.ts';
import { go } from './route.ts';
import { sectionsFor } from './sections.tsx';
import { useMay, useSession } from './session.ts';
import './palette.css';

interface Target {
  readonly id: string;
  readonly text: string;
  readonly note: string;
  readonly icon: LucideIcon;
  readonly path: string;
}

const MOST = 12;

/** Sections first; then what begins with the words, then what holds them. */
function useTargets(words: string): readonly Target[] {
  const session = useSession();
  const may = useMay();
  const nodes = useQuery('nodes.list', may('nodes.list') ? {} : undefined);
  const users = useQuery('users.list', may('users.list') ? {} : undefined);
  return useMemo(() => {
    const wanted = words.trim().toLowerCase();
    const sections = sectionsFor(session).map(
      ({ id, title, icon, path }): Target => ({ id: `s-${id}`, text: title, note: t('Section'), icon, path }),
    );
    const machines = (nodes.data ?? []).map(
      (node): Target => ({
        ...{ id: `n-${node.id}`, text: node.name, note: node.ip_addresses[0] ?? '', icon: MonitorSmartphone },
        path: `/machines/${node.id}`,
      }),
    );
    const people = (users.data ?? []).map(
      (user): Target => ({
        ...{ id: `u-${user.id}`, text: user.name, note: user.display_name, icon: UserRound },
        path: `/users?q=${encodeURIComponent(user.name)}`,
      }),
    );
    const all = wanted === '' ? sections : [...sections, ...machines, ...people];
    const rank = ({ text, note }: Target): number => {
      if (text.toLowerCase().startsWith(wanted)) return 0;
      if (text.toLowerCase().includes(wanted)) return 1;
      return note.toLowerCase().includes(wanted) ? 2 : 3;
    };
    return all
      .map((target) => ({ target, rank: rank(target) }))
      .filter((one) => one.rank < 3)
      .sort((a, b) => a.rank - b.rank)
      .slice(0, MOST)
      .map(({ target }) => target);
  }, [words, session, nodes.data, users.data]);
}

export function Palette({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const [words, setWords] = useState('');
  const targets = useTargets(words);
  return (
    <ModalOverlay
      isOpen
      isDismissable
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      className="veil palette-veil"
    >
      <Modal className="modal palette">
        <AriaDialog className="dialog" aria-label={t('Go to')}>
          <Autocomplete inputValue={words} onInputChange={setWords}>
            <SearchField aria-label={t('Go to')} autoFocus className="palette-field">
              <Search aria-hidden="true" />
              <Input placeholder={t('A section, a machine, a user')} className="palette-input" />
            </SearchField>
            <Menu
              aria-label={t('Found')}
              items={targets}
              className="palette-list"
              renderEmptyState={() => <div className="popup-empty">{t('Nothing matches')}</div>}
              onAction={(key) => {
                const target = targets.find(({ id }) => id === key);
                onClose();
                if (target !== undefined) go(target.path);
              }}
            >
              {({ id, text, note, icon: Icon }: Target) => (
                <MenuItem id={id} textValue={text} className="popup-item">
                  <Icon aria-hidden="true" />
                  <span className="popup-texts">
                    <Text slot="label">{text}</Text>
                  </span>
                  <Text slot="description" className="popup-note">
                    {note}
                  </Text>
                </MenuItem>
              )}
            </Menu>
          </Autocomplete>
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
