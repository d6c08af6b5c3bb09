/** What can be done with a device, wherever it is shown: copy, ping, SSH, exit node, pin. */
import { Copy, Pin, PinOff, Radio, SquareTerminal, Waypoints } from 'lucide-react';
import { useState } from 'react';
import { create } from 'zustand';
import type { Device } from '#shared/ui-state/types.ts';
import { copyText } from '../../ui/copy.tsx';
import { FormDialog } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/field.tsx';
import type { Action } from '../../ui/menu.tsx';
import { tellDone, tellFailed } from '../../ui/toast.tsx';
import { formatMs } from '../i18n/format.ts';
import { t } from '../i18n/text.ts';
import { act, ask, failureText } from '../store/act.ts';
import { chooseExitNode } from '../store/exit-node.ts';
import { type AppState, mayManage, useApp } from '../store/store.ts';
import { addressOf, ipv4Of, ipv6Of } from './devices.ts';
import { ping } from './ping.ts';

const PING_MS = 6_000;

/** One ping; the answer is told. */
export async function pingOnce(device: Device): Promise<void> {
  const { bridge } = useApp.getState();
  if (bridge === undefined) return;
  const { name } = device;
  try {
    await ping(
      bridge,
      { id: device.id, kind: 'disco', count: 1 },
      ({ latencyMs }) =>
        latencyMs === undefined
          ? tellFailed(t('device.ping.none', { name }))
          : tellDone(t('device.ping.answer', { name, time: formatMs(latencyMs) })),
      AbortSignal.timeout(PING_MS),
    );
  } catch (error) {
    tellFailed(failureText(error));
  }
}

export const isPinned = ({ gui }: Pick<AppState, 'gui'>, id: string): boolean =>
  gui.pinnedDevices.includes(id);

export async function pin(id: string, on: boolean): Promise<void> {
  await act('device.pin', { id, on });
}

export function deviceActions(
  device: Device,
  state: Pick<AppState, 'gui' | 'snapshot'>,
): readonly (readonly Action[])[] {
  const [v4, v6] = [ipv4Of(device), ipv6Of(device)];
  const isUsed = state.snapshot.settings?.exitNodeId === device.id;
  const pinned = isPinned(state, device.id);
  const copy = (id: string, text: string, value: string): readonly Action[] =>
    value === '' ? [] : [{ id, text, icon: Copy, run: () => void copyText(value) }];
  return [
    [
      ...copy('copy4', t('device.copyAddress'), v4),
      ...copy('copy6', t('device.copyV6'), v6),
      ...copy('copyName', t('device.copyName'), device.dnsName),
    ],
    [
      ...(addressOf(device) === ''
        ? []
        : [{ id: 'ping', text: t('device.ping'), icon: Radio, run: () => void pingOnce(device) }]),
      ...(device.hasSsh
        ? [{ id: 'ssh', text: t('device.ssh'), icon: SquareTerminal, run: () => askSsh(device) }]
        : []),
      ...(device.isExitOption && mayManage(state)
        ? [
            {
              id: 'exit',
              text: isUsed ? t('device.exitStop') : t('device.exitUse'),
              icon: Waypoints,
              run: () => chooseExitNode(isUsed ? '' : device.id),
            },
          ]
        : []),
    ],
    [
      {
        id: 'pin',
        text: pinned ? t('device.unpin') : t('device.pin'),
        icon: pinned ? PinOff : Pin,
        run: () => void pin(device.id, !pinned),
      },
    ],
  ];
}

/** The device to which a terminal was asked for, from wherever. */
const useSsh = create<{ readonly device: Device | undefined }>(() => ({ device: undefined }));
const forgetSsh = (): void => useSsh.setState({ device: undefined });

/** Asks for the user's name first. */
export const askSsh = (device: Device): void => useSsh.setState({ device });

/** Over every screen. */
export function SshOver(): React.JSX.Element | null {
  const device = useSsh((asked) => asked.device);
  return device === undefined ? null : <SshDialog device={device} onClose={forgetSsh} />;
}

// What POSIX lets a user be called, and what no shell takes for anything else (desktop.md §5.5).
const USER_NAME = /^[a-z_][a-z0-9_.-]{0,63}$/i;

function SshDialog({
  device,
  onClose,
}: {
  readonly device: Device;
  readonly onClose: () => void;
}): React.JSX.Element {
  const known = useApp(({ gui }) => (Object.hasOwn(gui.sshUsers, device.id) ? gui.sshUsers[device.id] : ''));
  const [user, setUser] = useState(known ?? '');
  const isValid = USER_NAME.test(user);
  const open = async (): Promise<void> => {
    const { launched, command } = await ask('device.ssh', { id: device.id, user });
    if (launched) tellDone(t('device.sshOpened'));
    else await copyText(command);
    onClose();
  };
  return (
    <FormDialog
      title={t('device.sshTitle', { name: device.name })}
      submit={t('device.sshConnect')}
      size="small"
      canSubmit={isValid}
      onClose={onClose}
      onSubmit={async () => {
        try {
          await open();
        } catch (error) {
          throw new Error(failureText(error), { cause: error });
        }
      }}
    >
      <TextField
        label={t('device.sshUser')}
        value={user}
        onChange={setUser}
        isMono
        autoFocus
        maxLength={64}
        problem={user === '' || isValid ? undefined : t('device.sshBadUser')}
      />
    </FormDialog>
  );
}
