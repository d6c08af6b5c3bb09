/** The policy: written and checked, tried out, and every version that there was. */
import { useEffect, useState } from 'react';
import { Badge } from '../../../ui/badge.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { Page } from '../../../ui/page.tsx';
import { Tabs } from '../../../ui/tabs.tsx';
import { t } from '../../../ui/text.ts';
import { When } from '../../../ui/time.tsx';
import { useQuery } from '../../api/query.ts';
import { Loaded } from '../../app/loaded.tsx';
import { go, guardLeaving } from '../../app/route.ts';
import { useMay } from '../../app/session.ts';
import type { Draft } from './draft.ts';
import { PolicyEditor } from './editor.tsx';
import { Explain } from './explain.tsx';
import { History } from './history.tsx';
import './policy.css';

export function PolicyScreen({ tab }: { readonly tab: string }): React.JSX.Element {
  const query = useQuery('policy.get', {});
  const may = useMay();
  // Here, so that looking at another tab loses nothing.
  const [draft, setDraft] = useState<Draft>();
  const settings = useQuery('settings.get', may('settings.get') ? {} : undefined);
  useGuard(draft !== undefined && draft.text !== query.data?.text);
  const version = query.data?.version;
  return (
    <Page
      title={t('Policy')}
      isFilled={tab === ''}
      aside={
        version === undefined || version === null ? null : (
          <span className="row">
            <Badge>{t('version {id}', { id: version.id })}</Badge>
            <span className="soft">
              {version.author} · <When at={version.created_at} />
            </span>
          </span>
        )
      }
      about={t('Who may reach whom. A change holds for every machine as soon as it is saved.')}
    >
      {settings.data?.policy_managed_elsewhere === true ? (
        <Notice tone="warn">
          {t('This policy is managed elsewhere; what is saved here may be overwritten.')}{' '}
          {settings.data.policy_link === '' ? null : (
            <a href={settings.data.policy_link} rel="noreferrer">
              {settings.data.policy_link}
            </a>
          )}
        </Notice>
      ) : null}
      <Loaded query={query} what={t('the policy')}>
        {(current) => (
          <Tabs
            label={t('Policy')}
            value={tab || 'edit'}
            onChange={(id) => go(id === 'edit' ? '/policy' : `/policy/${id}`, 'replace')}
            items={[
              {
                id: 'edit',
                title: t('Edit'),
                content: <PolicyEditor current={current} draft={draft} onDraft={setDraft} />,
              },
              { id: 'explain', title: t('Try out'), content: <Explain draft={draft?.text} /> },
              { id: 'history', title: t('History'), content: <History current={current} /> },
            ]}
          />
        )}
      </Loaded>
    </Page>
  );
}

/** A text that is not saved is not lost by a stray click. */
function useGuard(isChanged: boolean): void {
  useEffect(() => {
    if (!isChanged) return;
    // Its tabs share the draft; everything else loses it.
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener('beforeunload', ask);
    guardLeaving(() => confirm(t('Leave without saving the policy?')));
    return () => {
      removeEventListener('beforeunload', ask);
      guardLeaving(undefined);
    };
  }, [isChanged]);
}
