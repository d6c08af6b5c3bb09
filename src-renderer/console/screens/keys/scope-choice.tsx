/** Choosing what a program may do: each area not at all, to read, or to change. */

import { t } from '../../../ui/text.ts';
import { CheckboxGroup } from '../../../ui/toggle.tsx';

/** Names as in the public API; each has a `:read` part. */
const AREAS: readonly (readonly [string, string])[] = [
  ['devices:core', t('Machines')],
  ['devices:routes', t('Routes')],
  ['devices:posture_attributes', t('Attributes of machines')],
  ['auth_keys', t('Auth keys')],
  ['users', t('Users')],
  ['policy_file', t('Policy')],
  ['dns', t('DNS')],
  ['oauth_keys', t('OAuth clients')],
  ['api_access_tokens', t('API keys')],
  ['networking_settings', t('Relays')],
  ['feature_settings', t('Settings')],
  ['webhooks', t('Webhooks')],
  ['logs:configuration', t('Audit log')],
];

export function ScopeChoice({
  value,
  onChange,
}: {
  readonly value: readonly string[];
  readonly onChange: (scopes: string[]) => void;
}): React.JSX.Element {
  const reading = value.filter((scope) => scope.endsWith(':read'));
  const writing = value.filter((scope) => !scope.endsWith(':read'));
  return (
    <>
      <CheckboxGroup
        label={t('May read')}
        value={reading}
        onChange={(next) => onChange([...next, ...writing])}
        choices={AREAS.map(([id, text]) => ({ id: `${id}:read`, text }))}
      />
      <CheckboxGroup
        label={t('May read and change')}
        value={writing}
        onChange={(next) => onChange([...reading, ...next])}
        choices={[{ id: 'all', text: t('Everything') }, ...AREAS.map(([id, text]) => ({ id, text }))]}
      />
    </>
  );
}
