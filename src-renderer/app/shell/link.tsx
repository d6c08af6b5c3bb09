/** A link within the app: a real address, followed without a reload. */
import type { MouseEvent, ReactNode } from 'react';
import { go, hrefOf } from './route.ts';

export interface LinkProps {
  /** Such as `/devices/abc`. */
  readonly to: string;
  readonly className?: string;
  readonly isCurrent?: boolean;
  /** Out of the order of Tab, where arrows lead to it. */
  readonly isInGrid?: boolean;
  readonly label?: string;
  readonly children: ReactNode;
}

export function Link({ to, className, isCurrent, isInGrid, label, children }: LinkProps): React.JSX.Element {
  const follow = (event: MouseEvent): void => {
    // Another tab or window is the browser's business.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a
      href={hrefOf(to)}
      className={className}
      aria-label={label}
      aria-current={isCurrent === true ? 'page' : undefined}
      tabIndex={isInGrid === true ? -1 : undefined}
      onClick={follow}
    >
      {children}
    </a>
  );
}
