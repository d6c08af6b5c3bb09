/** Exclusive use of a state directory, held by the kernel: it ends with the process, however that ends. */
import { DatabaseSync } from 'node:sqlite';
import { RhumbError } from '#shared/errors.ts';

/**
 * An SQLite file that holds nothing but an exclusive lock. Node has no flock(2); SQLite's locking is the portable one at
 * hand, and a file of its own leaves the database readable for backups.
 */
export function lockState(path: string): Disposable {
  const file = new DatabaseSync(path, { timeout: 0 });
  try {
    file.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    file.close();
    if (cause instanceof Error && /locked|busy/.test(cause.message))
      throw new RhumbError(
        'conflict',
        'the state directory is in use by another rhumb-control: stop that one, or choose another with --state-dir',
        { cause },
      );
    throw cause;
  }
  return { [Symbol.dispose]: () => file.close() };
}
