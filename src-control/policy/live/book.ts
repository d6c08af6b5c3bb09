/** The versions of the policy: which is in force, what is wrong with it, and how another takes its place (policy.md §6.1, §16). */
import { createHash } from 'node:crypto';
import type { Clock } from '#shared/async/clock.ts';
import { assert, RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { Network } from '../../state/network.ts';
import type { Actor, PolicyRecord } from '../../store/records.ts';
import { appsServedBy } from '../compile/apps.ts';
import { CompiledPolicy } from '../compile/compiled.ts';
import { machineOf } from '../compile/network.ts';
import { Resolver } from '../compile/resolver.ts';
import type { AppConnector, PolicyAst } from '../language/ast.ts';
import { type CheckedPolicy, checkText, compileText } from '../offline/compile-offline.ts';
import { type Diagnostic, Report } from '../text/diagnostic.ts';
import { runSshTests } from '../verdict/run-ssh-tests.ts';
import { runTests } from '../verdict/run-tests.ts';
import { factsOf, networkFacts, userFacts } from './facts.ts';
import { concernsAbout } from './lock-out.ts';

export interface BookDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverUrl: string;
  /** Where the policy is a file, its path: then it is changed there and nowhere else. */
  readonly file: string | undefined;
}

/** What comes of looking at a text before it may be in force. */
export interface Judgement {
  readonly errors: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
  /** What somebody should say yes to first, one sentence each. */
  readonly concerns: readonly string[];
}

export interface Proposal {
  readonly text: string;
  readonly comment: string;
  /** SHA-256 of the version that the author has seen, or `ts-default` for none at all. */
  readonly ifMatch: string | undefined;
  /** The concerns are known. */
  readonly isConfirmed: boolean;
}

export type Outcome = Judgement & {
  /** Undefined when nothing was changed. */
  readonly record: PolicyRecord | undefined;
};

/** Where there is no policy: everybody reaches everybody (policy.md §5.0). */
const OPEN = '{}';
/** Where there was one and none can be read: nobody reaches anybody. */
const CLOSED = '{"acls": []}';

const checked = new WeakMap<PolicyRecord, CheckedPolicy>();
const fixed = new Map<string, PolicyAst>();

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function checkedOf(record: PolicyRecord): CheckedPolicy {
  const known = checked.get(record);
  if (known !== undefined) return known;
  const made = checkText(record.text);
  checked.set(record, made);
  return made;
}

function fixedAst(text: string): PolicyAst {
  const known = fixed.get(text);
  if (known !== undefined) return known;
  const { ast } = checkText(text);
  assert(ast !== undefined, 'the built-in policies are good');
  fixed.set(text, ast);
  return ast;
}

export class PolicyBook {
  readonly #deps: BookDeps;
  /** What is wrong with the file, where the policy is one. */
  #fileProblem: string | undefined;

  constructor(deps: BookDeps) {
    this.#deps = deps;
  }

  get file(): string | undefined {
    return this.#deps.file;
  }

  /** Newest first. */
  get versions(): readonly PolicyRecord[] {
    return [...this.#deps.network.policies.values()].sort((a, b) => b.id - a.id);
  }

  /** The newest version, good or bad. */
  get newest(): PolicyRecord | undefined {
    return this.versions[0];
  }

  /** The newest version that can be read. */
  get active(): PolicyRecord | undefined {
    return this.versions.find((record) => checkedOf(record).ast !== undefined);
  }

  /** The policy in force. A stored version that can't be read never opens the network (policy.md §6.1). */
  readonly inForce = (): PolicyAst => {
    const { active, newest } = this;
    if (active === undefined) return fixedAst(newest === undefined ? OPEN : CLOSED);
    return checkedOf(active).ast ?? fixedAst(CLOSED);
  };

  /** What an administrator should know: another version than the newest is in force, or the file is broken. */
  get problem(): string | undefined {
    if (this.#fileProblem !== undefined) return this.#fileProblem;
    const { newest, active } = this;
    if (newest === undefined || newest.id === active?.id) return undefined;
    return active === undefined
      ? 'no stored version of the policy can be read: nobody reaches anybody until a good one is set'
      : `version ${newest.id} of the policy can't be read: version ${active.id} is in force`;
  }

  /** What the tests of the policy in force say of the network as it is now: they were good when it was set. */
  failingTests(): readonly Diagnostic[] {
    const { active } = this;
    const ast = active === undefined ? undefined : checkedOf(active).ast;
    if (active === undefined || ast === undefined || ast.tests.length + ast.sshTests.length === 0) return [];
    const { network, clock } = this.#deps;
    const report = new Report(active.text);
    runTests(ast, networkFacts(network, clock.now()), report);
    if (ast.sshTests.length > 0) runSshTests(this.compiled(), report);
    return report.all.filter(({ severity }) => severity === 'error');
  }

  /** The apps that a machine serves under the policy in force; without compiling all of it. */
  appsOf(id: number): readonly AppConnector[] {
    const { network, clock } = this.#deps;
    const view = network.node(id);
    const ast = this.inForce();
    if (view === undefined || !ast.nodeAttrs.some(({ apps }) => apps.length > 0)) return [];
    const machine = machineOf(factsOf(view, clock.now()), 0);
    return appsServedBy(new Resolver(ast, [...network.users()].map(userFacts), [machine]), machine);
  }

  version(id: number): PolicyRecord {
    const record = this.#deps.network.policies.get(id);
    if (record === undefined)
      throw new RhumbError('not-found', `there is no version ${id} of the policy: see policy history`);
    return record;
  }

  /** The policy in force over the network of this moment, everything compiled. */
  compiled(): CompiledPolicy {
    const { network, clock, serverUrl } = this.#deps;
    return new CompiledPolicy(this.inForce(), networkFacts(network, clock.now()), {
      serverUrl,
      primaries: network.primaries,
    });
  }

  /** All checks and tests on the network as it is; `userId`: who would set it. */
  judge(text: string, userId: number | undefined): Judgement {
    const { network, clock, serverUrl } = this.#deps;
    const { report, compiled } = compileText(text, networkFacts(network, clock.now()), serverUrl);
    const of = (severity: Diagnostic['severity']): readonly Diagnostic[] =>
      report.all.filter((one) => one.severity === severity);
    const concerns = compiled === undefined ? [] : concernsAbout(this.compiled(), compiled, userId);
    return { errors: of('error'), warnings: of('warning'), concerns };
  }

  /** Throws `conflict` when another version is in force than the author has seen. */
  async set(proposal: Proposal, by: Actor, userId: number | undefined): Promise<Outcome> {
    if (this.#deps.file !== undefined)
      throw new RhumbError(
        'conflict',
        `the policy is the file ${this.#deps.file}: change it there, or set policy.mode to database`,
      );
    this.#mustMatch(proposal.ifMatch);
    const judgement = this.judge(proposal.text, userId);
    const mustConfirm = judgement.concerns.length > 0 && !proposal.isConfirmed;
    if (judgement.errors.length > 0 || mustConfirm) return { ...judgement, record: undefined };
    return { ...judgement, record: await this.#store(proposal.text, proposal.comment, by) };
  }

  /** Takes the file's text over when it is another and good; what is wrong with it is kept to be told. */
  async takeFile(text: string, by: Actor): Promise<readonly Diagnostic[]> {
    const { errors } = this.judge(text, undefined);
    const [first] = errors;
    if (first !== undefined) {
      const { line, column } = first.range.start;
      this.noteFile(`${this.#deps.file}:${line}:${column}: ${first.message}`);
      return errors;
    }
    this.#fileProblem = undefined;
    if (this.newest?.sha256 !== sha256(text)) await this.#store(text, `file ${this.#deps.file}`, by);
    return [];
  }

  noteFile(problem: string): void {
    const { active } = this;
    const left = active === undefined ? 'nobody reaches anybody' : `version ${active.id} stays in force`;
    this.#fileProblem = `the policy file is not taken over, ${left}: ${problem}`;
    this.#deps.log('warn', 'policy.file-refused', { problem });
  }

  #mustMatch(ifMatch: string | undefined): void {
    if (ifMatch === undefined) return;
    const { newest } = this;
    const isFine = ifMatch === 'ts-default' ? newest === undefined : ifMatch === sha256(newest?.text ?? '');
    if (!isFine)
      throw new RhumbError(
        'conflict',
        newest === undefined
          ? 'there is no policy any more: read it again'
          : `the policy was changed meanwhile, to version ${newest.id} by ${newest.author}: read it again and apply your change to that`,
      );
  }

  async #store(text: string, comment: string, by: Actor): Promise<PolicyRecord> {
    const { network, clock, log } = this.#deps;
    const { id, write } = network.nextId('policy');
    const before = this.newest;
    const at = clock.now();
    const value = { id, text, sha256: sha256(text), author: by.name, comment, createdAt: at };
    const { origin, id: actorId, name, remoteAddress } = by;
    await network.save({
      writes: [write, { put: 'policy', value }],
      changes: [{ kind: 'policy' }],
      audit: [
        {
          at,
          actor: { origin, id: actorId, name, remoteAddress },
          action: 'update',
          target: { type: 'policy', id: String(id), name: 'policy' },
          old: before === undefined ? undefined : `version ${before.id}, sha256 ${before.sha256}`,
          new: `version ${id}, sha256 ${value.sha256}`,
          details: comment === '' ? undefined : comment,
        },
      ],
    });
    log('info', 'policy.changed', { version: id, sha256: value.sha256, by: by.name });
    return value;
  }
}
