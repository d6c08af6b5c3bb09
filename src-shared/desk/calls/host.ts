/** What a host does outside its own window: pages, the clipboard, terminals. */
import type { Handlers } from '../../bridge/dispatch.ts';
import { RhumbError } from '../../errors.ts';
import { findDevice } from '../../ui-state/find.ts';
import { pageUrl } from '../pages.ts';
import type { CallParts } from './parts.ts';

type Needs = Pick<CallParts, 'desk' | 'pages' | 'openUrl' | 'writeClipboard' | 'openSsh' | 'gui'>;

const HOST = /^(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/;
const USER = /^[a-z_][a-z0-9_.-]{0,31}$/i;
const MAX_USERS = 256;

export function hostCalls({
  desk,
  pages,
  openUrl,
  writeClipboard,
  openSsh,
  gui,
}: Needs): Handlers<'open.url' | 'clipboard.write' | 'device.ssh'> {
  return {
    'open.url': async (reference, { caller }) => {
      if (reference.kind === 'auth' && caller.rights !== 'manage')
        throw new RhumbError('not-allowed', 'only who manages this device signs it in');
      const url = pageUrl(reference, {
        snapshot: desk.snapshot,
        project: pages,
        warningPage: (code) => desk.warningPage(code),
      });
      return { url, isOpened: (await openUrl?.(url)) === true };
    },
    'clipboard.write': async ({ text }) => {
      if (writeClipboard === undefined)
        throw new RhumbError('unavailable', 'this host has no clipboard of its own');
      await writeClipboard(text);
      return undefined;
    },
    'device.ssh': async ({ id, user }, { caller }) => {
      const device = findDevice(desk.snapshot, id);
      if (device === undefined)
        throw new RhumbError('not-found', 'that device is not in the network any more');
      const target = sshTarget(user, device.dnsName || (device.addresses[0] ?? ''));
      const store = gui(caller.id);
      const others = Object.entries(store.settings.sshUsers).filter(([one]) => one !== id);
      if (user !== '' && others.length < MAX_USERS)
        await store.edit({ sshUsers: Object.fromEntries([...others, [id, user]]) });
      return { launched: (await openSsh?.(target)) === true, command: `ssh ${target}` };
    },
  };
}

/** As ssh takes it; throws for what could be taken for an option or a command. */
export function sshTarget(user: string, host: string): string {
  const name = host.toLowerCase();
  if (name.length > 253 || !(HOST.test(name) || /^[0-9a-f:]{2,45}$/.test(name)))
    throw new RhumbError('bad-argument', 'that device has no name that ssh can use');
  if (user !== '' && !USER.test(user)) throw new RhumbError('bad-argument', 'that is no name of a user');
  return user === '' ? name : `${user}@${name}`;
}
