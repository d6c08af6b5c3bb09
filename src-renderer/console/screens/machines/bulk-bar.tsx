/** What can be done with everything that is selected. */
import { ChevronDown, X } from 'lucide-react';
import { Button, IconButton } from '../../../ui/button.tsx';
import { type Action, Menu } from '../../../ui/menu.tsx';
import { plural, t } from '../../../ui/text.ts';

export function BulkBar({
  count,
  actions,
  onClear,
}: {
  readonly count: number;
  readonly actions: readonly (readonly Action[])[];
  readonly onClear: () => void;
}): React.JSX.Element {
  const hasAny = actions.some((group) => group.length > 0);
  return (
    <section className="bulk" aria-label={t('Selected machines')}>
      <span className="bulk-count" role="status">
        {plural(count, '{count} selected', '{count} selected')}
      </span>
      {hasAny ? (
        <Menu label={t('Actions for the selected')} actions={actions}>
          <Button size="small" icon={ChevronDown}>
            {t('Actions')}
          </Button>
        </Menu>
      ) : (
        <span className="soft">{t('Your role may not change machines')}</span>
      )}
      <IconButton size="small" icon={X} label={t('Clear selection')} onPress={onClear} />
    </section>
  );
}
