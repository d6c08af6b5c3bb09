/** One answer of the server on a screen in all its states: not there yet, there, failed, and there but old. */
import type { ReactNode } from 'react';
import { Button } from '../../ui/button.tsx';
import { ErrorState, Notice, Skeleton } from '../../ui/notice.tsx';
import { t } from '../../ui/text.ts';
import type { Query } from '../api/query.ts';
import { sentence } from './act.ts';

export function Loaded<T>({
  query,
  what,
  rows,
  children,
}: {
  readonly query: Query<T>;
  /** Completes "Can't load …". */
  readonly what: string;
  readonly rows?: number;
  readonly children: (data: T) => ReactNode;
}): ReactNode {
  const { data, problem, retry } = query;
  if (data !== undefined)
    return (
      <>
        {problem === undefined ? null : (
          <Notice
            tone="warn"
            action={
              <Button size="small" onPress={retry}>
                {t('Try again')}
              </Button>
            }
          >
            {t('This may be out of date. {problem}', { problem: sentence(problem) })}
          </Notice>
        )}
        {children(data)}
      </>
    );
  if (problem !== undefined)
    return (
      <ErrorState title={t('Can’t load {what}', { what })} problem={sentence(problem)} onRetry={retry} />
    );
  return <Skeleton rows={rows ?? 6} />;
}
