/** SSH sessions that need a fresh sign-in: what the destination is told, and who can let them in. */
import { afterEach, describe, expect, test } from 'vitest';
import type { SshAction } from '../ssh-check/ssh-check.ts';
import { Browser } from '../testing/browser.ts';
import { type Loopback, loopback } from '../testing/loopback.ts';
import { TestMachine } from '../testing/machine.ts';
import { ShiftedClock } from '../testing/sign-in-lab.ts';

const POLICY = (period: string): string =>
  JSON.stringify({
    ssh: [
      {
        action: 'check',
        checkPeriod: period,
        src: ['alice@'],
        dst: ['autogroup:self'],
        users: ['autogroup:nonroot'],
      },
    ],
  });

class Lab implements AsyncDisposable {
  readonly loop: Loopback;
  readonly clock: ShiftedClock;
  readonly laptop: TestMachine;
  readonly desk: TestMachine;

  private constructor(loop: Loopback, clock: ShiftedClock, laptop: TestMachine, desk: TestMachine) {
    this.loop = loop;
    this.clock = clock;
    this.laptop = laptop;
    this.desk = desk;
  }

  static async open(period = '1h'): Promise<Lab> {
    const clock = new ShiftedClock();
    const loop = await loopback({ clock });
    await loop.admin.call('policy.set', { text: POLICY(period) });
    const [laptop, desk] = [await TestMachine.connect(loop.url), await TestMachine.connect(loop.url)];
    for (const [machine, hostname] of [
      [laptop, 'laptop'],
      [desk, 'desk'],
    ] as const)
      await machine.register({ authKey: loop.authKey, hostname });
    return new Lab(loop, clock, laptop, desk);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.laptop[Symbol.asyncDispose]();
    await this.desk[Symbol.asyncDispose]();
    await this.loop[Symbol.asyncDispose]();
  }

  /** The desk asks about a session from the laptop (1) to itself (2). */
  async ask(by = this.desk, path = '/machine/ssh/action/1/to/2?local_user=ann'): Promise<SshAction> {
    const { status, body } = await by.post(path, '', 'GET');
    expect(status, body.toString()).toBe(200);
    return JSON.parse(body.toString()) as SshAction;
  }

  /** Somebody signs in to the console by a code. */
  async signedIn(user = 'alice', then = '/account'): Promise<Browser> {
    const { code } = await this.loop.admin.call('admin-code.create', {
      user,
      purpose: 'console',
      expirationMs: 60_000,
    });
    const browser = new Browser();
    const page = await browser.open(`${this.loop.url}/login?next=${encodeURIComponent(then)}`);
    await browser.submit(page, { code });
    return browser;
  }
}

const pathOf = (action: SshAction): string => {
  const url = new URL(action.holdAndDelegate ?? '');
  return `${url.pathname}${url.search}`;
};
const pageOf = (action: SshAction): string => /https?:\S+/.exec(action.message ?? '')?.[0] ?? '';
const numberOf = (action: SshAction): string => /number (\d\d)/.exec(action.message ?? '')?.[1] ?? '';

let lab: Lab | undefined;
afterEach(async () => {
  await lab?.[Symbol.asyncDispose]();
  lab = undefined;
});

describe('a session that the policy wants checked', () => {
  test('waits for its person, is let in, and is not asked about again for the period', async () => {
    lab = await Lab.open();
    const held = await lab.ask();
    expect(held.accept).toBeUndefined();
    expect(pathOf(held)).toContain('local_user=ann&auth_id=');
    const waiting = lab.ask(lab.desk, pathOf(held));
    const browser = await lab.signedIn();
    const page = await browser.open(pageOf(held));
    for (const word of ['laptop', 'desk', 'ann', numberOf(held)]) expect(page.text).toContain(word);
    const done = await browser.submit(page, { answer: 'yes' });
    expect(done.text).toContain('goes on in your terminal');
    expect(await waiting).toEqual({
      accept: true,
      allowAgentForwarding: true,
      allowLocalPortForwarding: true,
      allowRemotePortForwarding: true,
    });
    expect((await lab.ask()).accept).toBe(true);
    // Neither another login nor the way back is covered.
    expect((await lab.ask(lab.desk, '/machine/ssh/action/1/to/2?local_user=bob')).accept).toBeUndefined();
    expect((await lab.ask(lab.laptop, '/machine/ssh/action/2/to/1?local_user=ann')).accept).toBeUndefined();
    lab.clock.wallMs += 3_600_000;
    expect((await lab.ask()).holdAndDelegate).toBeDefined();
    const [entry] = await lab.loop.server.network.auditLog({ limit: 1 });
    expect(entry?.entry).toMatchObject({ action: 'approve', target: { type: 'ssh', name: 'desk' } });
  });

  test('is turned down by its person', async () => {
    lab = await Lab.open();
    const held = await lab.ask();
    const waiting = lab.ask(lab.desk, pathOf(held));
    const browser = await lab.signedIn();
    await browser.submit(await browser.open(pageOf(held)), { answer: 'no' });
    expect(await waiting).toMatchObject({ reject: true });
    expect((await browser.open(pageOf(held))).status).toBe(404);
    expect((await lab.ask()).accept).toBeUndefined();
  });

  test('is asked about each time where the rule says always', async () => {
    lab = await Lab.open('always');
    const held = await lab.ask();
    const browser = await lab.signedIn();
    await browser.submit(await browser.open(pageOf(held)), { answer: 'yes' });
    expect((await lab.ask(lab.desk, pathOf(held))).accept).toBe(true);
    expect((await lab.ask()).holdAndDelegate).toBeDefined();
  });

  test('wants a proof that is younger than itself', async () => {
    lab = await Lab.open();
    const browser = await lab.signedIn();
    lab.clock.wallMs += 1_000;
    const held = await lab.ask();
    const page = await browser.open(pageOf(held));
    expect(page.url.pathname).toBe('/login');
    expect(page.text).toContain('Sign in again');
  });

  test('is not for somebody else to let in', async () => {
    lab = await Lab.open();
    await lab.loop.admin.call('users.create', { name: 'bob' });
    const held = await lab.ask();
    const browser = await lab.signedIn('bob');
    const page = await browser.open(pageOf(held));
    expect(page.status).toBe(403);
    expect(page.text).toContain('not yours');
    expect(page.text).not.toContain('<form');
  });

  test('is not for whose the machine was when it asked', async () => {
    lab = await Lab.open();
    await lab.loop.admin.call('users.create', { name: 'bob' });
    const held = await lab.ask();
    const browser = await lab.signedIn();
    await lab.loop.admin.call('nodes.move', { node: '1', user: 'bob' });
    expect((await browser.open(pageOf(held))).status).toBe(403);
  });

  test('does not go on when the rule went while it waited', async () => {
    lab = await Lab.open();
    const held = await lab.ask();
    const browser = await lab.signedIn();
    const page = await browser.open(pageOf(held));
    const answer = lab.ask(lab.desk, pathOf(held));
    await lab.loop.admin.call('policy.set', { text: '{}' });
    await browser.submit(page, { answer: 'yes' });
    expect(await answer).toMatchObject({ reject: true });
  });

  test('needs a new answer when its machine has another key, its user is suspended, or the rules changed', async () => {
    lab = await Lab.open();
    const pass = async (one: Lab): Promise<void> => {
      const held = await one.ask();
      expect(held.accept).toBeUndefined();
      const browser = await one.signedIn();
      await browser.submit(await browser.open(pageOf(held)), { answer: 'yes' });
      expect((await one.ask()).accept).toBe(true);
    };
    await pass(lab);
    await lab.loop.admin.call('policy.set', { text: POLICY('2h') });
    await pass(lab);
    const old = lab.laptop.nodeKey;
    lab.laptop.newNodeKey();
    await lab.laptop.register({ authKey: lab.loop.authKey, oldNodeKey: old, hostname: 'laptop' });
    expect((await lab.ask()).accept).toBeUndefined();
  });
});

describe('questions that are none', () => {
  test('another machine than the destination gets nowhere', async () => {
    lab = await Lab.open();
    for (const path of ['/machine/ssh/action/1/to/2?local_user=ann', '/machine/ssh/action/1/to/99']) {
      const { status } = await lab.laptop.post(path, '', 'GET');
      expect(status).toBe(401);
    }
  });

  test('a check of another session gets nowhere, one that is over begins anew', async () => {
    lab = await Lab.open();
    const held = await lab.ask();
    const id = new URL(held.holdAndDelegate ?? '').searchParams.get('auth_id') ?? '';
    const other = `/machine/ssh/action/1/to/2?local_user=bob&auth_id=${id}`;
    expect((await lab.desk.post(other, '', 'GET')).status).toBe(401);
    const gone = await lab.ask(lab.desk, '/machine/ssh/action/1/to/2?local_user=ann&auth_id=rhkey-authreq-x');
    expect(gone.holdAndDelegate).toBeDefined();
    expect(gone.holdAndDelegate).not.toContain('rhkey-authreq-x&');
  });

  test('without a rule there is nothing to check: the session is rejected, also from a machine that is not there', async () => {
    lab = await Lab.open();
    for (const path of [
      '/machine/ssh/action/1/to/2?local_user=root',
      '/machine/ssh/action/77/to/2?local_user=ann',
    ])
      expect(await lab.ask(lab.desk, path)).toMatchObject({ reject: true });
  });

  test.each([
    '/machine/ssh/action/x/to/2',
    '/machine/ssh/action/1/to/',
    `/machine/ssh/action/1/to/2?local_user=${'a'.repeat(300)}`,
  ])('%s is malformed', async (path) => {
    lab = await Lab.open();
    expect((await lab.desk.post(path, '', 'GET')).status).toBe(400);
  });
});
