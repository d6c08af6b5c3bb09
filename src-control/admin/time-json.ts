/** Times as JSON has them: null where there is none. */
import { formatTime } from '#shared/wire/scalars.ts';

export const timeJson = (ms: number | undefined): string | null => (ms === undefined ? null : formatTime(ms));
