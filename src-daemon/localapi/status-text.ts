/** The JSON text of a Status (localapi-and-daemon.md §2.3). */
import { encodeStatus, type Status } from '#shared/localapi/status.ts';
import { stringifyJson } from '#shared/wire/json.ts';

export const statusText = (status: Status): string => stringifyJson(encodeStatus(status));
