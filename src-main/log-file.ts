/** The program's log file: five of a megabyte each, the newest without a number. */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const MAX_BYTES = 1024 * 1024;
const MAX_FILES = 5;

/** For pino; a disk that is full costs lines and not the program. */
export function rotatingFile(path: string): { write: (line: string) => void } {
  let size = 0;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    size = 0; // writing will fail as well, and costs nothing
  }
  return {
    write: (line) => {
      try {
        if (size + line.length > MAX_BYTES && size > 0) {
          rotate(path);
          size = 0;
        }
        appendFileSync(path, line, { mode: 0o600 });
        size += Buffer.byteLength(line);
      } catch {
        size = 0;
      }
    },
  };
}

function rotate(path: string): void {
  for (let n = MAX_FILES - 1; n >= 1; n--) {
    const from = n === 1 ? path : `${path}.${n - 1}`;
    if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, `${path}.${n}`);
  }
}
