/** What happens to the network reaches the consoles as the parts of their screens that changed. */
import { describe, expect, test } from 'vitest';
import { MAX_NAMED } from '#shared/console/live.ts';
import { nodeChange, What } from '../state/changes.ts';
import { addAudit, addChanges, addTopic, eventOf, NOTHING } from './topics.ts';

const entry = (type: string) => ({
  at: 0,
  actor: { origin: 'cli', id: '', name: 'cli' } as const,
  action: 'create',
  target: { type, id: '1', name: 'x' },
});

describe('gathering', () => {
  test('names the machines that changed or went, each once', () => {
    const gathered = addChanges(NOTHING, [
      nodeChange(7, What.Online),
      nodeChange(7, What.Whole),
      { kind: 'removed', id: 9 },
    ]);
    expect(eventOf(gathered).nodes).toEqual([7, 9]);
    expect(eventOf(gathered).topics).toContain('nodes');
  });

  test('names none when there are too many', () => {
    const many = Array.from({ length: MAX_NAMED + 1 }, (_, id) => nodeChange(id, What.Online));
    expect(eventOf(addChanges(NOTHING, many)).nodes).toBeNull();
    expect(eventOf(addChanges(addChanges(NOTHING, many), [nodeChange(1, What.Online)])).nodes).toBeNull();
  });

  test('says that everything may be different after a reset', () => {
    const { topics, nodes } = eventOf(addChanges(NOTHING, [{ kind: 'reset' }]));
    expect(nodes).toBeNull();
    expect(topics).toEqual(expect.arrayContaining(['nodes', 'users', 'policy', 'keys', 'audit']));
  });

  test.each([
    [{ kind: 'user', id: 1 } as const, 'users'],
    [{ kind: 'policy' } as const, 'policy'],
    [{ kind: 'dns' } as const, 'dns'],
  ])('%j concerns %s', (change, topic) =>
    expect(eventOf(addChanges(NOTHING, [change])).topics).toEqual([topic]),
  );

  test('tells of keys, which are no change to any machine, by what is written about them', () => {
    expect(eventOf(addAudit(NOTHING, [entry('auth-key')])).topics).toEqual(['audit', 'keys']);
    expect(eventOf(addAudit(NOTHING, [])).topics).toEqual([]);
    expect(eventOf(addTopic(NOTHING, 'pending')).topics).toEqual(['pending']);
  });
});
