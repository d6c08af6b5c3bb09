/** What opens over a screen: who opens it, and which scenes show it. The guard finds those that are missing here (coverage.test.ts). */

interface Layer {
  readonly id: string;
  /** Within src-renderer/app. */
  readonly owner: string;
  readonly scenes: readonly string[];
}

export const LAYERS_BY_ID: readonly Layer[] = [
  { id: 'palette', owner: 'shell/palette.tsx', scenes: ['palette', 'palette-found', 'palette-nothing'] },
  { id: 'keys', owner: 'shell/key-sheet.tsx', scenes: ['key-sheet'] },
  { id: 'confirm-off', owner: 'shell/confirm-off.tsx', scenes: ['confirm-off'] },
  { id: 'account-menu', owner: 'shell/account-button.tsx', scenes: ['account-menu'] },
  { id: 'ssh', owner: 'lib/device-actions.tsx', scenes: ['device-ssh', 'ssh-from-anywhere'] },
  { id: 'device-menu', owner: 'screens/device/device.tsx', scenes: ['device-menu', 'devices-row-menu'] },
  { id: 'offer-ask', owner: 'screens/exit/offer.tsx', scenes: ['offer-exit-node-ask'] },
  {
    id: 'setting-ask',
    owner: 'screens/settings/control.tsx',
    scenes: ['settings-block-incoming', 'settings-ssh-server'],
  },
  { id: 'reset', owner: 'screens/settings/reset.tsx', scenes: ['settings-reset'] },
  { id: 'account-rename', owner: 'screens/accounts/accounts.tsx', scenes: ['accounts-rename'] },
  {
    id: 'account-leave',
    owner: 'screens/accounts/accounts.tsx',
    scenes: ['accounts-sign-out', 'accounts-remove'],
  },
  { id: 'add-device', owner: 'screens/home/add-device.tsx', scenes: ['home-add-device'] },
];
