/** One machine in full: what it is, where it is, what it may, and everything that can be changed about it. */
import { EllipsisVertical, Pencil, Tags as TagsIcon, X } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import type { Node } from '#shared/console/shapes.ts';
import { Badge, Tags } from '../../../ui/badge.tsx';
import { Button, IconButton } from '../../../ui/button.tsx';
import { CopyField } from '../../../ui/copy.tsx';
import { Menu } from '../../../ui/menu.tsx';
import { EmptyState, Notice } from '../../../ui/notice.tsx';
import { Card, Fact, Facts, Page } from '../../../ui/page.tsx';
import { plural, t } from '../../../ui/text.ts';
import { When } from '../../../ui/time.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { act } from '../../app/act.ts';
import { Link } from '../../app/link.tsx';
import { Loaded } from '../../app/loaded.tsx';
import { go } from '../../app/route.ts';
import { useMay } from '../../app/session.ts';
import { Attributes } from './attributes.tsx';
import { actionsFor, type Doing, DoingDialog } from './doing.tsx';
import { isTagged, osName, routesOf, routesWaiting } from './facts.ts';
import { MachineStatus } from './machine-status.tsx';
import { RelayFacts } from './relay-facts.tsx';

const back = (): void => go(`/machines${location.search}`);

export function MachinePage({ id }: { readonly id: string }): ReactNode {
  const query = useQuery('nodes.list', {});
  return (
    <Loaded query={query} what={t('the machine')}>
      {(nodes) => {
        const node = nodes.find((one) => String(one.id) === id);
        return node === undefined ? <Gone /> : <Shown node={node} />;
      }}
    </Loaded>
  );
}

function Gone(): React.JSX.Element {
  return (
    <EmptyState
      icon={X}
      title={t('This machine is not in the network any more')}
      action={<Button onPress={back}>{t('Back to the machines')}</Button>}
    >
      {t('It was removed, or never was here.')}
    </EmptyState>
  );
}

function Shown({ node }: { readonly node: Node }): React.JSX.Element {
  const may = useMay();
  const [doing, setDoing] = useState<Doing>();
  const begin = (what: Doing['what']) => () => setDoing({ what, nodes: [node] });
  return (
    <Page
      title={node.name}
      aside={<MachineStatus node={node} />}
      about={<CopyField text={node.fqdn} label={t('Copy name {name}', { name: node.fqdn })} />}
      actions={
        <>
          {may('nodes.rename') ? (
            <IconButton icon={Pencil} label={t('Rename')} onPress={begin('rename')} />
          ) : null}
          {may('nodes.tag') ? <IconButton icon={TagsIcon} label={t('Tags')} onPress={begin('tag')} /> : null}
          <Menu label={t('More actions')} actions={actionsFor([node], may, setDoing)}>
            <IconButton icon={EllipsisVertical} label={t('More actions')} />
          </Menu>
          <IconButton icon={X} label={t('Back to the list')} onPress={back} />
        </>
      }
    >
      <Attention node={node} onRoutes={begin('routes')} />
      <Card title={t('Addresses')}>
        <Facts>
          {node.ip_addresses.map((address) => (
            <Fact key={address} name={address.includes(':') ? 'IPv6' : 'IPv4'}>
              <CopyField text={address} label={t('Copy address {address}', { address })} />
            </Fact>
          ))}
          <Fact name={t('Reached at')}>
            {node.endpoints.length === 0 ? (
              <span className="soft">{t('nothing told yet')}</span>
            ) : (
              <ul>
                {node.endpoints.map((endpoint) => (
                  <li key={endpoint} className="mono">
                    {endpoint}
                  </li>
                ))}
              </ul>
            )}
          </Fact>
          <RelayFacts node={node} />
        </Facts>
      </Card>
      <OwnerCard node={node} />
      <RoutesCard node={node} onChange={begin('routes')} />
      <KeyCard node={node} />
      <Attributes node={node} />
      <Technical node={node} />
      {doing === undefined ? null : (
        <DoingDialog
          doing={doing}
          onClose={() => {
            if (doing.what === 'delete') back();
            setDoing(undefined);
          }}
        />
      )}
    </Page>
  );
}

function Attention({
  node,
  onRoutes,
}: {
  readonly node: Node;
  readonly onRoutes: () => void;
}): React.JSX.Element | null {
  const may = useMay();
  const waiting = routesWaiting(node);
  if (!node.approved)
    return (
      <Notice
        tone="warn"
        action={
          may('nodes.authorize') ? (
            <Button
              size="small"
              kind="strong"
              onPress={() =>
                void act(t('{name} is approved', { name: node.name }), () =>
                  call('nodes.authorize', { node: String(node.id) }),
                )
              }
            >
              {t('Approve')}
            </Button>
          ) : undefined
        }
      >
        {t('This machine waits for approval: it reaches nobody yet.')}
      </Notice>
    );
  if (waiting === 0) return null;
  return (
    <Notice
      tone="warn"
      action={
        may('routes.approve') ? (
          <Button size="small" onPress={onRoutes}>
            {t('Look at them')}
          </Button>
        ) : undefined
      }
    >
      {plural(
        waiting,
        'It offers {count} route that nobody has approved.',
        'It offers {count} routes that nobody has approved.',
      )}
    </Notice>
  );
}

function OwnerCard({ node }: { readonly node: Node }): React.JSX.Element {
  return (
    <Card title={t('Owner')}>
      <Facts>
        {isTagged(node) ? (
          <Fact name={t('Tags')}>
            <Tags tags={node.tags} />
          </Fact>
        ) : (
          <Fact name={t('User')}>
            <Link to={`/users?q=${encodeURIComponent(node.user?.name ?? '')}`}>
              {node.user?.display_name || node.user?.name || '—'}
            </Link>
          </Fact>
        )}
        <Fact name={t('Joined')}>
          <When at={node.created_at} />
          {node.created_by === '' ? null : ` · ${t('let in by {name}', { name: node.created_by })}`}
        </Fact>
        {node.ephemeral ? (
          <Fact name={t('Ephemeral')}>{t('Removed by itself when it is gone for a while')}</Fact>
        ) : null}
      </Facts>
    </Card>
  );
}

function RoutesCard({
  node,
  onChange,
}: {
  readonly node: Node;
  readonly onChange: () => void;
}): React.JSX.Element | null {
  const may = useMay();
  const routes = routesOf(node);
  if (routes.length === 0) return null;
  return (
    <Card
      title={t('Routes')}
      actions={
        may('routes.approve') ? (
          <Button size="small" onPress={onChange}>
            {t('Change')}
          </Button>
        ) : undefined
      }
    >
      <ul className="plain-list">
        {routes.map(({ prefix, isApproved, isAnnounced, isPrimary }) => (
          <li key={prefix}>
            <span className="mono">{prefix}</span>
            <span className="row">
              {isPrimary ? <Badge tone="accent">{t('carries traffic')}</Badge> : null}
              {isAnnounced ? null : <Badge>{t('not offered now')}</Badge>}
              <Badge tone={isApproved ? 'good' : 'warn'}>
                {isApproved ? t('approved') : t('not approved')}
              </Badge>
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function KeyCard({ node }: { readonly node: Node }): React.JSX.Element {
  return (
    <Card title={t('Key')}>
      <Facts>
        <Fact name={t('Ends')}>
          {node.key_expiry_disabled ? t('Never') : <When at={node.expiry} none={t('Never')} />}
        </Fact>
        <Fact name={t('Joined by')}>{joinedBy(node.register_method)}</Fact>
      </Facts>
    </Card>
  );
}

function joinedBy(method: string): string {
  const words: Readonly<Record<string, string>> = {
    authkey: t('an auth key'),
    cli: t('an administrator’s approval'),
    code: t('a one-time code'),
    oidc: t('sign-in at the identity provider'),
    api: t('the admin API'),
    passkey: t('a passkey'),
  };
  return words[method.toLowerCase().replace('register_method_', '')] ?? method;
}

function Technical({ node }: { readonly node: Node }): React.JSX.Element {
  const rows: readonly (readonly [string, string | null])[] = [
    [t('Node key'), node.node_key],
    [t('Machine key'), node.machine_key],
    [t('Disco key'), node.disco_key],
  ];
  return (
    <Card title={t('Technical')}>
      <Facts>
        <Fact name={t('Id')}>{node.id}</Fact>
        <Fact name={t('Calls itself')}>{node.hostname}</Fact>
        <Fact name={t('System')}>
          {osName(node.os)} {node.os_version}
        </Fact>
        <Fact name={t('Client')}>{node.client_version || '—'}</Fact>
        {rows.map(([name, value]) =>
          value === null ? null : (
            <Fact key={name} name={name}>
              <CopyField text={value} label={t('Copy {what}', { what: name })} />
            </Fact>
          ),
        )}
      </Facts>
    </Card>
  );
}
