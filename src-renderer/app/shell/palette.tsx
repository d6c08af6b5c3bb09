/** Everything by name: sections, devices, exit nodes, accounts, settings; type, choose, there. */
import { Search } from 'lucide-react';
import { useMemo, useState } from 'react';
import {
  Dialog as AriaDialog,
  Autocomplete,
  Input,
  ListBox,
  ListBoxItem,
  Modal,
  ModalOverlay,
  TextField,
} from 'react-aria-components';
import { t } from '../i18n/text.ts';
import { Foreign } from '../lib/foreign.tsx';
import { useApp } from '../store/store.ts';
import { allCommands, found } from './commands.ts';
import './palette.css';

export function Palette({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const [words, setWords] = useState('');
  // As things were when it was opened: from a list that changes under the cursor one chooses by mistake.
  const [commands] = useState(() => allCommands(useApp.getState()));
  const matching = useMemo(() => found(commands, words), [commands, words]);
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
        <AriaDialog className="dialog" aria-label={t('palette.title')}>
          <Autocomplete inputValue={words} onInputChange={setWords}>
            {/* No search field of the library's: there Escape would empty it first, and not close the palette. */}
            <TextField type="search" aria-label={t('palette.title')} autoFocus className="palette-field">
              <Search aria-hidden="true" />
              {/* The cursor stays here while the arrows walk through the list: to readers that is a combobox. */}
              <Input
                role="combobox"
                aria-expanded
                aria-haspopup="listbox"
                placeholder={t('palette.placeholder')}
                className="palette-input"
              />
            </TextField>
            <ListBox
              aria-label={t('palette.found')}
              items={matching}
              className="palette-list"
              renderEmptyState={() => <div className="popup-empty">{t('palette.nothing')}</div>}
              onAction={(key) => {
                const command = matching.find(({ id }) => id === key);
                onClose();
                command?.run();
              }}
            >
              {({ id, text, note, icon: Icon }) => (
                <ListBoxItem id={id} textValue={text} className="popup-item">
                  <Icon aria-hidden="true" />
                  <span className="popup-texts">
                    <Foreign text={text} />
                  </span>
                  <span className="popup-note">
                    <Foreign text={note} max={60} />
                  </span>
                </ListBoxItem>
              )}
            </ListBox>
          </Autocomplete>
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
