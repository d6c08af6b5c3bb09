/** Names under which the desktop program is known to its system. */

export const PRODUCT = 'Rhumb';
/** Also Windows' AppUserModelID. */
export const APP_ID = 'io.rhumb.desktop';
/** What is shown is served at `app://ui/`. */
export const APP_SCHEME = 'app';
export const APP_ORIGIN = 'app://ui';
/** Links of other programs and pages: `rhumb:devices/…`. */
export const LINK_SCHEME = 'rhumb';
/** Names of the two channels between a window and the main process. */
export const CALL_CHANNEL = 'rhumb:call';
export const EVENT_CHANNEL = 'rhumb:event';
export const HOST_CHANNEL = 'rhumb:host';
