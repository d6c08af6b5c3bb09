/** What the palette finds, and what comes first. */
import { expect, test } from 'vitest';
import { rank } from './rank.ts';

test.each([
  { name: 'the beginning of the name', wanted: 'na', text: 'nas', beside: '', want: 0 },
  { name: 'the beginning of a word', wanted: 'of', text: 'back-office', beside: '', want: 1 },
  { name: 'anywhere in the name', wanted: 'ffi', text: 'back-office', beside: '', want: 2 },
  { name: 'what is beside', wanted: '100.64', text: 'nas', beside: '100.64.0.7', want: 3 },
  { name: 'accents and case aside', wanted: 'ZURICH', text: 'Zürich', beside: '', want: 0 },
  { name: 'every word somewhere', wanted: 'nas copy', text: 'nas', beside: 'copy address', want: 1 },
  { name: 'nothing', wanted: 'printer', text: 'nas', beside: 'copy', want: undefined },
])('finds by $name', ({ wanted, text, beside, want }) => {
  expect(rank(wanted, text, beside)).toBe(want);
});
