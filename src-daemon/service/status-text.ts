/** The state of this machine in one line, for `systemctl status`. */
import type { Status } from '#shared/localapi/status.ts';

export function statusText({ BackendState, Self, User, TailscaleIPs, AuthURL }: Status): string {
  switch (BackendState) {
    case 'Running': {
      const user = User?.[String(Self?.UserID)]?.LoginName;
      return ['Connected', user, TailscaleIPs?.join(' ')].filter((part) => part).join('; ');
    }
    case 'NeedsLogin':
      return AuthURL ? `Needs login: ${AuthURL}` : 'Needs login: rhumb up';
    case 'NeedsMachineAuth':
      return 'Waits until an administrator approves this machine';
    case 'Stopped':
      return 'Stopped; to connect: rhumb up';
    case 'Starting':
      return 'Starting';
    default:
      return BackendState;
  }
}
