/** Does something on the server and says how it went: in a toast, and to who listens. */
import { announce } from '../../ui/announce.tsx';
import { plural, t } from '../../ui/text.ts';
import { tellDone, tellFailed } from '../../ui/toast.tsx';
import { problemText } from '../api/client.ts';

/** True when it was done. The lists that it changes follow by themselves, through the server's events. */
export async function act(done: string, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    tellDone(done);
    return true;
  } catch (error) {
    tellFailed(sentence(problemText(error)));
    return false;
  }
}

export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const AT_ONCE = 4;

/** The same for many, a few at a time; what failed is told by name with its reason. */
export async function actOnMany<T>(
  items: readonly T[],
  nameOf: (item: T) => string,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const waiting = [...items];
  const failed: string[] = [];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        await work(item);
      } catch (error) {
        failed.push(`${nameOf(item)}: ${problemText(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const done = items.length - failed.length;
  if (done > 0) tellDone(plural(done, 'Done for {count} machine', 'Done for {count} machines'));
  if (failed.length === 0) return;
  const shown = failed.slice(0, 3).join('; ');
  tellFailed(failed.length > 3 ? t('{shown}; and {count} more', { shown, count: failed.length - 3 }) : shown);
  announce(plural(failed.length, '{count} failed', '{count} failed'), 'assertive');
}
