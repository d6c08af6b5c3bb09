/** What the handlers of calls are made of. */
import type { Clock } from '../../async/clock.ts';
import type { LocalApi } from '../../node/localapi-client.ts';
import type { Desk } from '../desk.ts';

export interface CallParts {
  readonly desk: Desk;
  readonly api: LocalApi;
  readonly clock: Clock;
  /** An unguessable id, for operations. */
  readonly newId: () => string;
}
