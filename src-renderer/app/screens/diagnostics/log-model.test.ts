/** Lines of a log, good and bad. */
import { describe, expect, test } from 'vitest';
import { filterLines, MOST_LINES, modulesOf, parseLine, withLines } from './log-model.ts';

describe('a line', () => {
  test.each([
    {
      name: 'of pino',
      line: '{"level":40,"time":1000,"pid":7,"hostname":"x","module":"derp","msg":"slow","region":"fra"}',
      want: { atMs: 1_000, level: 'warn', module: 'derp', text: 'slow region=fra' },
    },
    {
      name: 'of our own daemon',
      line: '{"level":30,"time":"1970-01-01T00:00:01Z","prog":"rhumbd","mod":"magicsock","peer":"[abc]","n":2,"event":"path.direct"}',
      want: { atMs: 1_000, level: 'info', module: 'magicsock', text: 'path.direct peer=[abc] n=2' },
    },
    {
      name: 'with words for its level',
      line: '{"level":"fatal","time":"1970-01-01T00:00:02Z","message":"out"}',
      want: { atMs: 2_000, level: 'error', module: '', text: 'out' },
    },
    {
      name: 'of plain text',
      line: 'panic: x',
      want: { atMs: undefined, level: 'info', module: '', text: 'panic: x' },
    },
    { name: 'of JSON that is no object', line: '[1]', want: { level: 'info', text: '[1]' } },
    { name: 'with a broken time', line: '{"time":1e99,"msg":"a"}', want: { atMs: undefined, text: 'a' } },
  ])('$name', ({ line, want }) => expect(parseLine(line, 1)).toMatchObject(want));
});

test('filters go together', () => {
  const lines = withLines(
    [],
    [
      '{"level":30,"module":"dns","msg":"asked"}',
      '{"level":50,"module":"dns","msg":"Refused"}',
      '{"level":50,"module":"derp","msg":"refused"}',
    ],
  );
  expect(modulesOf(lines)).toEqual(['derp', 'dns']);
  expect(filterLines(lines, { level: 'warn', module: 'dns', words: 'refused' }).map(({ id }) => id)).toEqual([
    2,
  ]);
  expect(filterLines(lines, { level: 'debug', module: '', words: '' })).toHaveLength(3);
});

test('only the newest lines are kept, and each has a number of its own', () => {
  const many = withLines(
    [],
    Array.from({ length: MOST_LINES + 5 }, (_, n) => `line ${n}`),
  );
  const more = withLines(many, ['last']);
  expect(more).toHaveLength(MOST_LINES);
  expect(more.at(-1)?.text).toBe('last');
  expect(new Set(more.map(({ id }) => id)).size).toBe(MOST_LINES);
});
