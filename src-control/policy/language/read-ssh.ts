/** Reads `ssh` and the two kinds of tests (policy.md §11, §13). */
import type { Tree } from '../text/tree.ts';
import type { PolicyTest, SimulatedAttributes, SshRule, SshTest } from './ast.ts';
import { formatGoDuration, HOUR, parseGoDuration } from './go-duration.ts';
import type { Fields, Reader } from './read.ts';
import { readDestinations, readPosture, readProtocol } from './read-rules.ts';

const SSH = {
  fields: [
    'action',
    'src',
    'dst',
    'users',
    'checkPeriod',
    'acceptEnv',
    'recorder',
    'enforceRecorder',
    'srcPosture',
  ],
  hasComments: true,
};
const TEST = {
  fields: ['src', 'proto', 'accept', 'deny', 'srcPostureAttrs'],
  aliases: { user: 'src', allow: 'accept' },
  hasComments: true,
};
const SSH_TEST = { fields: ['src', 'dst', 'accept', 'deny', 'check'], hasComments: true };

const DEFAULT_PERIOD = 12n * HOUR;
const MAX_PERIOD = 168n * HOUR;

function readAction(reader: Reader, tree: Tree, fields: Fields): 'accept' | 'check' {
  const member = fields.get('action');
  const text = member === undefined ? '' : reader.string(member.value, 'action')?.trim();
  if (text === '')
    reader.report.error(
      'ssh-action-missing',
      'action must be specified: "accept" or "check"',
      member?.value ?? tree,
    );
  else if (text !== undefined && text !== 'accept' && text !== 'check')
    reader.report.error(
      'ssh-action',
      `${JSON.stringify(text)} is not a valid action: use "accept" or "check"`,
      member?.value ?? tree,
    );
  return text === 'check' ? 'check' : 'accept';
}

function readPeriod(reader: Reader, fields: Fields, action: 'accept' | 'check'): bigint {
  const member = fields.get('checkPeriod');
  if (member === undefined) return DEFAULT_PERIOD;
  const text = reader.string(member.value, 'checkPeriod');
  if (text === undefined) return DEFAULT_PERIOD;
  if (action !== 'check')
    reader.report.error('ssh-period-accept', 'checkPeriod is only valid with action "check"', member.key);
  if (text === 'always') return 0n;
  const period = parseGoDuration(text);
  if (period === undefined) {
    reader.report.error(
      'ssh-period-format',
      `time: invalid duration ${JSON.stringify(text)}: write 12h, 30m or always`,
      member.value,
    );
    return DEFAULT_PERIOD;
  }
  const shown = formatGoDuration(period);
  if (period < 0n)
    reader.report.error(
      'ssh-period-negative',
      `checkPeriod ${shown} must be a positive duration`,
      member.value,
    );
  if (period > MAX_PERIOD)
    reader.report.error('ssh-period-max', `checkPeriod ${shown} is above the max (168h)`, member.value);
  return period;
}

export function readSshRule(reader: Reader, tree: Tree): SshRule | undefined {
  const fields = reader.fields(tree, 'an entry of ssh', SSH);
  if (fields === undefined) return undefined;
  const action = readAction(reader, tree, fields);
  const users = reader.words(fields.get('users'), 'users');
  if (users.length === 0)
    reader.report.error(
      'ssh-users-missing',
      'users must be specified: login names, or autogroup:nonroot',
      tree,
    );
  for (const { text, at } of users)
    if (text === '' || text === '*')
      reader.report.error(
        'ssh-user',
        `user ${JSON.stringify(text)} is not valid: name the logins, or write autogroup:nonroot and root`,
        at,
      );
  const acceptEnv = reader.words(fields.get('acceptEnv'), 'acceptEnv');
  for (const { text, at } of acceptEnv)
    if (text === '') reader.report.error('ssh-env', 'acceptEnv values cannot be empty', at);
  return {
    at: tree,
    action,
    src: reader.selectors(fields.get('src'), 'src'),
    dst: reader.selectors(fields.get('dst'), 'dst'),
    users,
    checkPeriodNs: readPeriod(reader, fields, action),
    acceptEnv: acceptEnv.map(({ text }) => text),
    recorder: reader.words(fields.get('recorder'), 'recorder'),
    isRecorderEnforced: reader.boolean(fields.get('enforceRecorder'), 'enforceRecorder'),
    srcPosture: readPosture(reader, fields),
  };
}

/** Tools look for this in front of everything that is wrong with a test (policy.md §6.3). */
export const TESTS_FAILED = 'test(s) failed:\n';

function readAttributes(reader: Reader, fields: Fields): SimulatedAttributes | undefined {
  const member = fields.get('srcPostureAttrs');
  if (member === undefined) return undefined;
  const table = reader.table(member, 'srcPostureAttrs', (value) => {
    if (value.kind === 'string' || value.kind === 'number' || value.kind === 'boolean') return value.value;
    reader.report.error('wrong-type', 'attributes are strings, numbers, true or false', value);
    return undefined;
  });
  return new Map([...table].map(([name, { value }]) => [name, value]));
}

export function readTest(reader: Reader, tree: Tree): PolicyTest | undefined {
  const fields = reader.fields(tree, 'an entry of tests', TEST);
  if (fields === undefined) return undefined;
  const fail = (code: string, message: string, at = tree): void => reader.report.error(code, message, at);
  const proto = readProtocol(reader, fields);
  if (proto !== undefined && ![6, 17, 132].includes(proto.number))
    fail('test-proto', 'test protocol must be tcp, udp, sctp, or empty', fields.get('proto')?.value);
  const [accept, deny] = (['accept', 'deny'] as const).map((name) =>
    readDestinations(reader, fields.get(name), name),
  );
  const isEmpty = (['accept', 'deny'] as const).every((name) => {
    const value = fields.get(name)?.value;
    return value === undefined || (value.kind === 'array' && value.items.length === 0);
  });
  if (isEmpty) fail('test-empty', 'test entry must have at least one of "accept" or "deny"');
  const srcMember = fields.get('src');
  const text = srcMember === undefined ? undefined : reader.string(srcMember.value, 'src');
  if (srcMember === undefined)
    fail('test-src', 'a test must have a src: one user, group, tag, host or address');
  const src =
    text === undefined || srcMember === undefined ? undefined : reader.selector(text, srcMember.value);
  if (src === undefined) return undefined;
  return {
    at: tree,
    src,
    proto: proto?.number,
    protoText: proto?.text ?? '',
    accept: accept ?? [],
    deny: deny ?? [],
    attributes: readAttributes(reader, fields),
  };
}

export function readSshTest(reader: Reader, tree: Tree): SshTest | undefined {
  const fields = reader.fields(tree, 'an entry of sshTests', SSH_TEST);
  if (fields === undefined) return undefined;
  const fail = (code: string, message: string): void => reader.report.error(code, message, tree);
  const srcMember = fields.get('src');
  const text = srcMember === undefined ? '' : reader.string(srcMember.value, 'src');
  if (text?.trim() === '') fail('sshtest-src', 'SSH tests entry must have a non-empty src');
  const dstWords = reader.words(fields.get('dst'), 'dst');
  if (dstWords.length === 0) fail('sshtest-dst', 'SSH tests entry must have at least one dst');
  const dst = dstWords.flatMap((word) => reader.selector(word.text, word.at) ?? []);
  const src =
    text === undefined || text.trim() === '' ? undefined : reader.selector(text, srcMember?.value ?? tree);
  if (src === undefined) return undefined;
  const logins = (name: string) => reader.words(fields.get(name), name);
  return { at: tree, src, dst, accept: logins('accept'), deny: logins('deny'), check: logins('check') };
}
