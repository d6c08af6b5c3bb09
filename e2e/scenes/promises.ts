/** The conditions that desktop.md §5 and §15.2 want to be seen, and the scene of each. */

interface Conditions {
  readonly empty?: string;
  readonly waiting?: string;
  readonly failed?: string;
  readonly readOnly?: string;
  readonly managed?: string;
  readonly offline?: string;
}

/** By screen; what can't be there is left out. */
export const CONDITIONS: Readonly<Record<string, Conditions>> = {
  home: {
    empty: 'home-empty-network',
    waiting: 'state-loading',
    failed: 'call-failed',
    readOnly: 'home-read-only',
    managed: 'home-always-on',
    offline: 'state-off',
  },
  signIn: {
    waiting: 'sign-in-starting',
    failed: 'sign-in-failed',
    readOnly: 'sign-in-read-only',
    managed: 'sign-in-server-fixed',
  },
  accounts: {
    empty: 'accounts-none',
    failed: 'accounts-switch-failed',
    readOnly: 'accounts-read-only',
  },
  devices: {
    empty: 'devices-none',
    waiting: 'devices-connecting',
    failed: 'devices-out-of-date',
    readOnly: 'devices-read-only',
    offline: 'devices-off',
  },
  device: {
    empty: 'device-gone',
    failed: 'device-removed-while-open',
    readOnly: 'device-read-only',
    offline: 'device-offline',
  },
  exitNode: {
    empty: 'exit-node-none-offered',
    failed: 'exit-node-broken',
    readOnly: 'exit-node-read-only',
    managed: 'exit-node-managed',
  },
  offer: { failed: 'offer-exit-node-unknown', readOnly: 'offer-exit-node-read-only' },
  routes: {
    empty: 'routes-none',
    failed: 'routes-not-forwarded',
    readOnly: 'routes-read-only',
    managed: 'routes-managed',
  },
  settings: {
    empty: 'settings-no-match',
    failed: 'settings-not-saved',
    readOnly: 'settings-read-only',
    managed: 'settings-managed',
    offline: 'settings-no-service',
  },
  diagnostics: {
    empty: 'diagnostics-path-alone',
    waiting: 'diagnostics-netcheck-running',
    failed: 'diagnostics-netcheck-failed',
    readOnly: 'diagnostics-read-only',
    offline: 'diagnostics-no-service',
  },
};

/** How many devices, and in which scene they are listed. */
export const SIZES: Readonly<Record<number, string>> = {
  0: 'devices-none',
  1: 'devices-one',
  12: 'devices',
  300: 'devices-300',
  5000: 'devices-5000',
};

/** Trouble with the service, on each system and in each host. */
export const ONBOARDING: readonly string[] = [
  'state-no-daemon',
  'no-service-macos',
  'no-service-windows',
  'state-daemon-stopped',
  'service-stopped-macos',
  'service-stopped-windows',
  'no-service-by-hand-linux',
  'no-service-by-hand-darwin',
  'no-service-by-hand-win32',
  'service-stopped-by-hand-linux',
  'service-stopped-by-hand-darwin',
  'service-stopped-by-hand-win32',
  'installing',
  'installing-cancelled',
  'installing-failed',
  'starting-service',
  'starting-service-failed',
  'state-untrusted-daemon',
  'state-version-mismatch',
  'state-other-user',
  'home-read-only',
  'read-only-refused',
  'intro-switch',
  'intro-no-tray',
  'intro-notifications',
];
