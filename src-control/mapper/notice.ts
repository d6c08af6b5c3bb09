/** What the server has to say to a machine's user: now only that the same identity runs twice. */
import type { NodeView } from '../state/network.ts';

/** Clients from here on read DisplayMessages; earlier ones know Health only. */
const DISPLAY_MESSAGES_VERSION = 117;
const CLONED_ID = 'rhumb-cloned-state';
const CLONED_TITLE = 'This identity is in use on two machines';
const CLONED_TEXT =
  'Another machine runs with a copy of this machine’s state file, so neither can be reached reliably. Log out on one of the two and sign it in again; it then gets a name and addresses of its own.';

/** Members of a map message that set the warning, or clear it. */
export function noticeMembers(view: NodeView, capver: number): readonly string[] {
  if (capver < DISPLAY_MESSAGES_VERSION)
    return [`"Health":${JSON.stringify(view.isCloned ? [`${CLONED_TITLE}. ${CLONED_TEXT}`] : [])}`];
  const message = {
    Title: CLONED_TITLE,
    Text: CLONED_TEXT,
    Severity: 'high',
    ImpactsConnectivity: true,
  };
  return [`"DisplayMessages":${JSON.stringify({ [CLONED_ID]: view.isCloned ? message : null })}`];
}
