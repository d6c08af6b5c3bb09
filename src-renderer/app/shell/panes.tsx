/** A list and what was picked from it: side by side where there is room, else one at a time (desktop.md §4.1). */
import type { ReactNode } from 'react';
import { Fence } from './fence.tsx';
import { usePath } from './route.ts';

export function Panes({
  list,
  detail,
  detailLabel,
}: {
  readonly list: ReactNode;
  /** Undefined while nothing is picked. */
  readonly detail: ReactNode | undefined;
  readonly detailLabel: string;
}): React.JSX.Element {
  const path = usePath();
  return (
    <div className={`panes${detail === undefined ? '' : ' panes-open'}`}>
      <div className="pane-list" data-pane="" tabIndex={-1}>
        <Fence>{list}</Fence>
      </div>
      {detail === undefined ? null : (
        <aside className="pane-detail" aria-label={detailLabel} data-pane="" tabIndex={-1}>
          <Fence of={path}>{detail}</Fence>
        </aside>
      )}
    </div>
  );
}
