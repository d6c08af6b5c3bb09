/** Warnings about what is legal and probably not meant (policy.md §6.4). */
import { expect, test } from 'vitest';
import { compileText } from './offline/compile-offline.ts';
import { network } from './testing/golden.ts';

const TAGS = Object.fromEntries(
  ['web', 'edge', 'db', 'router', 'exit'].map((name) => [`tag:${name}`, []] as const),
);

function warnings(policy: object, net = network()): readonly string[] {
  const text = JSON.stringify({ tagOwners: TAGS, ...policy });
  const { report } = compileText(text, net, 'https://vpn.test');
  expect(report.hasErrors).toBe(false);
  return report.all.map(({ code, pointer }) => `${code.replace('policy/', '')} ${pointer}`);
}

const rule = (src: string, dst: string, more: object = {}) => ({
  ...{ action: 'accept', src: [src], dst: [dst] },
  ...more,
});

test('a rule that another one covers is named, the later one of two that are equal', () => {
  expect(
    warnings({
      acls: [
        rule('ada@corp.test', 'tag:web:80', { proto: 'tcp' }),
        rule('autogroup:member', 'tag:web:*'),
        rule('autogroup:member', 'tag:web:1-65535'),
        rule('autogroup:member', 'tag:db:5432'),
      ],
    }),
  ).toEqual(['rule-shadowed /acls/0', 'rule-shadowed /acls/2']);
});

test('a rule of which one part is only its own is not superfluous', () => {
  const wide = rule('autogroup:member', 'tag:web:*');
  const more = { action: 'accept', src: ['ada@corp.test'], dst: ['tag:web:80', 'tag:db:80'] };
  expect(warnings({ acls: [wide, more] })).toEqual([]);
  // A protocol that no protocol doesn't mean.
  expect(warnings({ acls: [wide, rule('ada@corp.test', 'tag:web:*', { proto: 'gre' })] })).toEqual([]);
});

test('an SSH rule needs a way to port 22', () => {
  const ssh = [{ action: 'accept', src: ['autogroup:member'], dst: ['tag:web'], users: ['root'] }];
  const acls = [rule('autogroup:member', 'tag:web:80')];
  expect(warnings({ ssh, acls })).toEqual(['ssh-no-acl /ssh/0']);
  expect(warnings({ ssh, acls: [rule('ada@corp.test', 'tag:web:20-30')] })).toEqual([]);
  expect(warnings({ ssh })).toEqual([]);
  const self = [{ action: 'accept', src: ['autogroup:member'], dst: ['autogroup:self'], users: ['root'] }];
  expect(warnings({ ssh: self, acls: [rule('autogroup:member', 'autogroup:self:22')] })).toEqual([]);
});

test('names that do nothing are told', () => {
  expect(
    warnings({
      tagOwners: { ...TAGS, 'tag:spare': [] },
      groups: { 'group:nobody': [] },
      acls: [rule('group:nobody', 'tag:web:80')],
      autoApprovers: { routes: { '10.0.0.0/8': ['tag:spare'] } },
      attrConfig: { 'custom:x': { type: 'string', allowSetByNode: true } },
    }),
  ).toEqual([
    'rule-inert /acls/0',
    'empty-group-used /acls/0/src/0',
    'autoapprover-unused /autoApprovers/routes/10.0.0.0~18',
    'unsupported-feature /attrConfig/custom:x',
  ]);
  expect(warnings({ tagOwners: { ...TAGS, 'tag:spare': [] } })).toEqual(['tag-unused /tagOwners/tag:spare']);
});
