/** What happened, said in place: problems, hints, and the states of a region without content. */
import { CircleAlert, Info, type LucideIcon, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from './button.tsx';
import { copyText } from './copy.tsx';
import { t } from './text.ts';
import './notice.css';

export function Notice({
  tone = 'accent',
  children,
  action,
}: {
  readonly tone?: 'accent' | 'warn' | 'bad' | 'good';
  readonly children: ReactNode;
  readonly action?: ReactNode;
}): React.JSX.Element {
  const Icon = tone === 'bad' ? CircleAlert : tone === 'warn' ? TriangleAlert : Info;
  return (
    <div className={`notice notice-${tone}`}>
      <Icon aria-hidden="true" className="notice-icon" />
      <div className="notice-text">{children}</div>
      {action}
    </div>
  );
}

/** Read out at once: the answer to something just done. */
export const Problem = ({ text }: { readonly text: string }): React.JSX.Element => (
  <div role="alert">
    <Notice tone="bad">{text}</Notice>
  </div>
);

export function EmptyState({
  icon: Icon,
  title,
  children,
  action,
}: {
  readonly icon: LucideIcon;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}): React.JSX.Element {
  return (
    <div className="empty">
      <Icon aria-hidden="true" className="empty-icon" />
      <h2>{title}</h2>
      {children === undefined ? null : <div className="empty-text">{children}</div>}
      {action}
    </div>
  );
}

export function ErrorState({
  title,
  problem,
  onRetry,
}: {
  readonly title: string;
  readonly problem: string;
  readonly onRetry: () => void;
}): React.JSX.Element {
  return (
    <div className="empty" role="alert">
      <CircleAlert aria-hidden="true" className="empty-icon empty-bad" />
      <h2>{title}</h2>
      <p className="empty-text">{problem}</p>
      <div className="row">
        <Button onPress={onRetry}>{t('Try again')}</Button>
        <Button kind="quiet" onPress={() => void copyText(`${title}\n${problem}`)}>
          {t('Copy details')}
        </Button>
      </div>
    </div>
  );
}

/** Grey rows where content will be; words for who cannot see them. */
export function Skeleton({ rows = 6 }: { readonly rows?: number }): React.JSX.Element {
  return (
    <div className="skeleton" role="status">
      <span className="visually-hidden">{t('Loading')}</span>
      {Array.from({ length: rows }, (_, n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows that are all alike and never move
        <div key={n} className="skeleton-row" aria-hidden="true" />
      ))}
    </div>
  );
}
