/** What a search found: one flat list, walked with the arrows while the cursor stays in the field. */
import { ListBox, ListBoxItem } from 'react-aria-components';
import { t } from '../../i18n/text.ts';
import { chooseExitNode } from '../../store/exit-node.ts';
import { useApp } from '../../store/store.ts';
import type { Option } from './model.ts';
import { RowTexts } from './row.tsx';
import { useUses } from './use.ts';
import { spoken } from './words.ts';

export function Found({
  found,
  isDisabled,
}: {
  readonly found: readonly Option[];
  readonly isDisabled: boolean;
}): React.JSX.Element {
  const uses = useUses();
  const nowMs = useApp(({ nowMs }) => nowMs);
  return (
    <ListBox
      aria-label={t('exit.list')}
      className="exit-list"
      items={found}
      disabledKeys={found.filter(({ trouble }) => isDisabled || trouble !== 'none').map(({ key }) => key)}
      onAction={(key) => {
        const option = found.find((one) => one.key === key);
        if (option !== undefined) chooseExitNode(option.id);
      }}
      renderEmptyState={() => <div className="popup-empty">{t('exit.nothing')}</div>}
      dependencies={[uses]}
    >
      {(option) => (
        <ListBoxItem
          id={option.key}
          textValue={spoken(option, nowMs, uses.of(option) === 'used')}
          className={`exit-row${option.trouble === 'none' ? '' : ' exit-useless'}`}
        >
          <RowTexts node={option} use={uses.of(option)} />
        </ListBoxItem>
      )}
    </ListBox>
  );
}
