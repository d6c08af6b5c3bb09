/** `rhumb down` and `rhumb logout`: leave the network for now, or for good. */
import { acceptRiskFlag, confirmLosingSsh } from './risk.ts';
import type { Command, Flag } from './spec.ts';

const reasonFlag: Flag = {
  name: 'reason',
  kind: 'text',
  value: 'text',
  about: 'why, where a policy asks for it',
};

export const downCommand: Command = {
  name: 'down',
  about: 'Disconnect; `rhumb up` connects again',
  flags: [reasonFlag, acceptRiskFlag],
  run: async (context, { flags }) => {
    await confirmLosingSsh(
      context,
      flags.text('accept-risk'),
      'You are connected through Rhumb; this disables it and disconnects your session.',
    );
    const status = await context.api.status({ peers: true }, context.signal);
    if (status.BackendState === 'Stopped') {
      context.err('Rhumb was already stopped.\n');
      return 0;
    }
    await context.api.editPrefs({ WantRunning: false }, context.signal, flags.text('reason'));
    return 0;
  },
};

export const logoutCommand: Command = {
  name: 'logout',
  about: 'Disconnect and forget this login',
  details: 'The key of this machine becomes invalid; using the network again needs a new login.',
  flags: [reasonFlag],
  run: async (context, { flags }) => {
    await context.api.logout(context.signal, flags.text('reason'));
    return 0;
  },
};
