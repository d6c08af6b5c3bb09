/** Keys: for machines that join, for programs that use the admin API, and OAuth clients. Secrets are shown once. */
import { Page } from '../../../ui/page.tsx';
import { Tabs } from '../../../ui/tabs.tsx';
import { t } from '../../../ui/text.ts';
import { go } from '../../app/route.ts';
import { useMay } from '../../app/session.ts';
import { ApiKeys } from './api-keys.tsx';
import { AuthKeys } from './auth-keys.tsx';
import { OauthClients } from './oauth-clients.tsx';

export function KeysScreen({ tab }: { readonly tab: string }): React.JSX.Element {
  const may = useMay();
  return (
    <Page title={t('Keys')}>
      <Tabs
        label={t('Kinds of keys')}
        value={tab || 'auth'}
        onChange={(id) => go(id === 'auth' ? '/keys' : `/keys/${id}`, 'replace')}
        items={[
          { id: 'auth', title: t('Auth keys'), content: <AuthKeys /> },
          ...(may('apikeys.list') ? [{ id: 'api', title: t('API keys'), content: <ApiKeys /> }] : []),
          ...(may('oauth-clients.list')
            ? [{ id: 'oauth', title: t('OAuth clients'), content: <OauthClients /> }]
            : []),
        ]}
      />
    </Page>
  );
}
