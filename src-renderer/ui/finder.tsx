/** One field to go anywhere: type, choose with the arrows, there. */
import { type LucideIcon, Search } from 'lucide-react';
import type { ReactNode } from 'react';
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
import './finder.css';

export interface Choice {
  readonly id: string;
  readonly text: string;
  readonly note: string;
  readonly icon: LucideIcon;
}

export interface FinderProps<One extends Choice> {
  readonly label: string;
  readonly placeholder: string;
  readonly listLabel: string;
  /** Shown instead of a list without entries. */
  readonly nothing: string;
  readonly words: string;
  readonly onWords: (words: string) => void;
  readonly choices: readonly One[];
  readonly onChoose: (choice: One) => void;
  readonly onClose: () => void;
  /** How texts that may come from somebody else are shown. */
  readonly show?: (text: string, longest: number) => ReactNode;
}

const LONGEST_TEXT = 120;
const LONGEST_NOTE = 60;

export function Finder<One extends Choice>({
  label,
  placeholder,
  listLabel,
  nothing,
  words,
  onWords,
  choices,
  onChoose,
  onClose,
  show = (text) => text,
}: FinderProps<One>): React.JSX.Element {
  return (
    <ModalOverlay
      isOpen
      isDismissable
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      className="veil finder-veil"
    >
      <Modal className="modal finder">
        <AriaDialog className="dialog" aria-label={label}>
          <Autocomplete inputValue={words} onInputChange={onWords}>
            {/* No search field of the library's: there Escape would empty it first, and not close the layer. */}
            <TextField type="search" aria-label={label} autoFocus className="finder-field">
              <Search aria-hidden="true" />
              {/* The cursor stays here while the arrows walk through the list: to readers that is a combobox. */}
              <Input
                role="combobox"
                aria-expanded
                aria-haspopup="listbox"
                placeholder={placeholder}
                className="finder-input"
              />
            </TextField>
            <ListBox
              aria-label={listLabel}
              items={choices}
              className="finder-list"
              renderEmptyState={() => <div className="popup-empty">{nothing}</div>}
              onAction={(key) => {
                const choice = choices.find(({ id }) => id === key);
                onClose();
                if (choice !== undefined) onChoose(choice);
              }}
            >
              {({ id, text, note, icon: Icon }) => (
                <ListBoxItem id={id} textValue={text} className="popup-item">
                  <Icon aria-hidden="true" />
                  <span className="popup-texts">{show(text, LONGEST_TEXT)}</span>
                  <span className="popup-note">{show(note, LONGEST_NOTE)}</span>
                </ListBoxItem>
              )}
            </ListBox>
          </Autocomplete>
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
