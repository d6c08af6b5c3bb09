/** Which lines are written, and who hears of them. */
import { expect, test } from 'vitest';
import { openLog } from './log.ts';

function opened(): { readonly log: ReturnType<typeof openLog>; readonly events: () => string[] } {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = openLog({ level: 'info', program: 'p', destination });
  return { log, events: () => lines.map((line) => (JSON.parse(line) as { event: string }).event) };
}

test('one part can be heard in more words than the others, children and grandchildren included', () => {
  const { log, events } = opened();
  const loud = log.child({ mod: 'loud' }).child({ peer: 'x' });
  const quiet = log.child({ mod: 'quiet' });
  log.setPartLevel('loud', 'debug');
  loud('debug', 'a');
  quiet('debug', 'b');
  log.setPartLevel('loud', undefined);
  loud('debug', 'c');
  quiet('info', 'd');
  log.setLevel('warn');
  quiet('info', 'e');
  quiet('warn', 'f');
  expect(events()).toEqual(['a', 'd', 'f']);
});

test('a tap hears what is written, until it is closed', () => {
  const { log } = opened();
  const heard: string[] = [];
  const close = log.tap((line) => heard.push(line));
  log('info', 'a', { key: 'privkey:1234567890123456789012345678901234567890123456789012345678901234' });
  close();
  log('info', 'b');
  expect(heard.length).toBe(1);
  expect(heard[0]).toMatch(/"event":"a"\}\n$/);
  expect(heard[0]).not.toContain('123456789012');
});
