/** `rhumb down` and `rhumb logout`: leave the network for now, or for good. */
import { confirmLosingSsh } from './risk.ts';
import type { Action } from './spec.ts';

/** `rhumb down`. */
export const down: Action = async (context, { flags }) => {
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
};

/** `rhumb logout`. */
export const logout: Action = async (context, { flags }) => {
  await context.api.logout(context.signal, flags.text('reason'));
  return 0;
};
