/** What the palette offers in the state the app is in, and which of it fits what was typed. */
import { Copy, Power, Radio, Shield, ShieldOff, SquareTerminal, UserRound } from 'lucide-react';
import { copyText } from '../../ui/copy.tsx';
import { t } from '../i18n/text.ts';
import { askSsh, pingOnce } from '../lib/device-actions.tsx';
import { switchAccount } from '../store/accounts.ts';
import { canSwitch, isOnIn, switchTo } from '../store/connection.ts';
import { chooseExitNode } from '../store/exit-node.ts';
import { type AppState, mayManage, uiOf } from '../store/store.ts';
import { placeOf } from './heading.ts';
import { rank } from './rank.ts';
import { go } from './route.ts';
import type { Command } from './section.ts';
import { navigation, sections } from './sections.ts';

const MOST = 40;

export const allCommands = (state: AppState): readonly Command[] => [
  ...toggle(state),
  ...navigation.map(
    ({ id, path, title, icon }): Command => ({
      id: `section ${id}`,
      text: title(),
      note: t('palette.section'),
      icon,
      run: () => go(path),
    }),
  ),
  ...sections.flatMap(({ commands }) => commands?.(state) ?? []),
  ...accounts(state),
  ...addresses(state),
  ...actions(state),
  ...exitNodes(state),
];

function toggle(state: AppState): readonly Command[] {
  const ui = uiOf(state);
  if (!canSwitch(ui) || !mayManage(state)) return [];
  const isOn = isOnIn(ui);
  return [
    {
      id: 'toggle',
      text: isOn ? t('palette.disconnect') : t('palette.connect'),
      note: '',
      icon: Power,
      run: () => switchTo(!isOn),
    },
  ];
}

function accounts(state: AppState): readonly Command[] {
  if (!mayManage(state)) return [];
  return state.snapshot.accounts
    .filter(({ isCurrent }) => !isCurrent)
    .map(({ id, name, network }) => ({
      id: `account ${id}`,
      text: name,
      note: network === '' ? t('palette.account') : network,
      words: t('palette.account'),
      icon: UserRound,
      run: () => void switchAccount(id),
    }));
}

/** Of the devices that are there. */
const actions = ({ snapshot }: AppState): readonly Command[] =>
  Object.values(snapshot.devices)
    .filter(({ location, isOnline }) => location === undefined && isOnline)
    .flatMap((device): Command[] => [
      {
        id: `ping ${device.id}`,
        text: t('palette.ping', { name: device.name }),
        note: t('devices.page'),
        words: device.name,
        icon: Radio,
        run: () => void pingOnce(device),
      },
      ...(device.hasSsh
        ? [
            {
              id: `ssh ${device.id}`,
              text: t('palette.ssh', { name: device.name }),
              note: t('devices.page'),
              words: device.name,
              icon: SquareTerminal,
              run: () => askSsh(device),
            },
          ]
        : []),
    ]);

/** Opening them is a command of their own section. */
const addresses = ({ snapshot }: AppState): readonly Command[] =>
  Object.values(snapshot.devices)
    .filter(({ location }) => location === undefined)
    .flatMap(({ id, name, addresses: [address] }): Command[] =>
      address === undefined
        ? []
        : [
            {
              id: `copy ${id}`,
              text: t('palette.copyAddress', { name }),
              note: address,
              words: name,
              icon: Copy,
              run: () => void copyText(address),
            },
          ],
    );

function exitNodes(state: AppState): readonly Command[] {
  const { snapshot } = state;
  if (!mayManage(state)) return [];
  const uses = Object.values(snapshot.devices)
    .filter(({ isExitOption, isOnline, isExpired }) => isExitOption && isOnline && !isExpired)
    .map(
      (device): Command => ({
        id: `exit ${device.id}`,
        text: t('palette.useExit', { name: placeOf(device) }),
        note: device.location === undefined ? t('palette.exitNode') : device.name,
        words: `${device.name} ${t('palette.exitNode')}`,
        icon: Shield,
        run: () => chooseExitNode(device.id),
      }),
    );
  if (snapshot.settings?.exitNodeId === '' || snapshot.settings === undefined) return uses;
  return [
    {
      id: 'no exit',
      text: t('palette.stopExit'),
      note: t('palette.exitNode'),
      icon: ShieldOff,
      run: () => chooseExitNode(''),
    },
    ...uses,
  ];
}

/** Best first. Without words only where one can go and what one can do, not every device. */
export function found(commands: readonly Command[], words: string): readonly Command[] {
  if (words.trim() === '')
    return commands.filter(({ id }) => !/^(device|copy|exit|ping|ssh) /.test(id)).slice(0, MOST);
  return commands
    .map((command) => ({
      command,
      rank: rank(words, command.text, `${command.note} ${command.words ?? ''}`),
    }))
    .filter((one): one is { command: Command; rank: number } => one.rank !== undefined)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, MOST)
    .map(({ command }) => command);
}
