/** Whose proof holds for an SSH session: that of whom its machine belongs to now, and nobody else's. */
import { expect, test } from 'vitest';
import { adminLab } from '../testing/admin-lab.ts';
import { lastProof, rememberProof } from './ssh-checks.ts';

const RULES = 'rules-1';

test('a proof goes with the person, not with the machine', async () => {
  const lab = await adminLab();
  const { network } = lab;
  const ann = await lab.user('ann', 'member');
  const olga = await lab.user('olga', 'owner');
  const source = await lab.node(1, { userId: ann.userId });
  const destination = await lab.node(2, { userId: ann.userId });
  const session = { source, destination, login: 'root' };
  const user = (id: number) => {
    const found = network.user(id);
    if (found === undefined) throw new Error('no user');
    return found;
  };
  await rememberProof(network, session, RULES, user(ann.userId), 5, ann);
  const proofFor = (userId: number | undefined) =>
    lastProof(network, { ...session, source: { ...source, userId } }, RULES, 6);
  expect(proofFor(ann.userId)).toBe(5);
  expect(proofFor(olga.userId)).toBeUndefined();
  expect(proofFor(undefined)).toBeUndefined();
  await rememberProof(network, session, RULES, user(olga.userId), 5, olga);
  expect(proofFor(undefined)).toBe(5);
  expect(proofFor(ann.userId)).toBeUndefined();
});
