/** Which of the routes that a machine offers the network uses. */
import { useState } from 'react';
import type { Node } from '#shared/console/shapes.ts';
import { FormDialog } from '../../../ui/dialog.tsx';
import { t } from '../../../ui/text.ts';
import { tellDone } from '../../../ui/toast.tsx';
import { Checkbox } from '../../../ui/toggle.tsx';
import { call } from '../../api/client.ts';
import { isExit, offersExit, routesOf } from './facts.ts';

const EXIT = ['0.0.0.0/0', '::/0'];

export function RoutesDialog({
  node,
  onClose,
}: {
  readonly node: Node;
  readonly onClose: () => void;
}): React.JSX.Element {
  const [approved, setApproved] = useState<ReadonlySet<string>>(new Set(node.approved_routes));
  const set = (prefixes: readonly string[], isOn: boolean): void => {
    const next = new Set(approved);
    for (const prefix of prefixes) {
      if (isOn) next.add(prefix);
      else next.delete(prefix);
    }
    setApproved(next);
  };
  const subnets = routesOf(node).filter(({ prefix }) => !EXIT.includes(prefix));
  const hasExit = offersExit(node) || isExit(node);
  return (
    <FormDialog
      title={t('Routes of {name}', { name: node.name })}
      submit={t('Save')}
      onClose={onClose}
      onSubmit={async () => {
        await call('routes.approve', { node: String(node.id), routes: [...approved] });
        tellDone(t('The routes of {name} are changed', { name: node.name }));
        onClose();
      }}
    >
      {subnets.length === 0 && !hasExit ? (
        <p className="soft">
          {t('This machine offers no routes. On the machine: rhumb set --advertise-routes=192.168.1.0/24')}
        </p>
      ) : null}
      {hasExit ? (
        <Checkbox
          isSelected={EXIT.every((prefix) => approved.has(prefix))}
          onChange={(isOn) => set(EXIT, isOn)}
          note={t('Others may send all their Internet traffic through it.')}
        >
          {t('Use as exit node')}
        </Checkbox>
      ) : null}
      {subnets.map(({ prefix, isAnnounced, isPrimary }) => (
        <Checkbox
          key={prefix}
          isSelected={approved.has(prefix)}
          onChange={(isOn) => set([prefix], isOn)}
          {...(isPrimary
            ? { note: t('Carries the traffic for it now') }
            : isAnnounced
              ? {}
              : { note: t('Approved, but the machine does not offer it at the moment') })}
        >
          <span className="mono">{prefix}</span>
        </Checkbox>
      ))}
    </FormDialog>
  );
}
