/** Menus behind a button: real labels on every item, dangerous ones last and named so. */
import type { LucideIcon } from 'lucide-react';
import type { ReactElement } from 'react';
import { Menu as AriaMenu, MenuItem, MenuTrigger, Popover, Separator } from 'react-aria-components';
import './choice.css';

export interface Action {
  readonly id: string;
  readonly text: string;
  readonly icon?: LucideIcon;
  readonly isDanger?: boolean;
  readonly isDisabled?: boolean;
  readonly run: () => void;
}

export function Menu({
  label,
  actions,
  isOpenAtFirst = false,
  children,
}: {
  readonly label: string;
  /** Groups, parted by a line. */
  readonly actions: readonly (readonly Action[])[];
  /** Opened by what is not there any more; its first item is where one is. */
  readonly isOpenAtFirst?: boolean;
  readonly children: ReactElement;
}): React.JSX.Element {
  const groups = actions.filter((group) => group.length > 0);
  const all = groups.flat();
  return (
    <MenuTrigger defaultOpen={isOpenAtFirst}>
      {children}
      <Popover className="popup" offset={4}>
        <AriaMenu
          aria-label={label}
          className="popup-list"
          {...(isOpenAtFirst ? { autoFocus: 'first' } : {})}
          disabledKeys={all.filter(({ isDisabled }) => isDisabled === true).map(({ id }) => id)}
          onAction={(key) => all.find(({ id }) => id === key)?.run()}
        >
          {groups.flatMap((group, n) => [
            ...(n === 0 ? [] : [<Separator key={`line-${group[0]?.id}`} className="popup-separator" />]),
            ...group.map(({ id, text, icon: Icon, isDanger }) => (
              <MenuItem
                key={id}
                id={id}
                textValue={text}
                className={`popup-item${isDanger === true ? ' popup-danger' : ''}`}
              >
                {Icon === undefined ? null : <Icon aria-hidden="true" />}
                {text}
              </MenuItem>
            )),
          ])}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
