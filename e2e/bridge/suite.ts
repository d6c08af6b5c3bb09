/** What every bridge keeps of the contract, run once for each way from a page to a real daemon. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { calls, events, SHELL_CALLS } from '#shared/bridge/contract.ts';
import { systemClock } from '#shared/node/clock.ts';
import { applyPatch } from '#shared/ui-state/patch.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';
import type { PageSide } from './pages.ts';
import { type BridgeWorld, bridgeWorld } from './world.ts';

export interface Way {
  readonly name: string;
  readonly open: (world: BridgeWorld, rights: 'manage' | 'readonly') => Promise<PageSide>;
}

/** A page that has the state and keeps it, as the real one does. */
class Follower {
  seq = -1;
  snapshot: Snapshot | undefined;
  readonly #page: PageSide;
  readonly #waiting = new Set<() => void>();

  constructor(page: PageSide) {
    this.#page = page;
    page.on('patch', (value) => {
      const { seq, patch } = events.patch.parse(value);
      if (this.snapshot === undefined || seq <= this.seq) return;
      expect(seq).toBe(this.seq + 1);
      this.seq = seq;
      this.snapshot = applyPatch(this.snapshot, patch);
      for (const look of this.#waiting) look();
    });
  }

  async begin(): Promise<Snapshot> {
    const answer = await this.#page.call('state.get');
    if (!answer.ok) throw new Error(answer.message);
    const { seq, snapshot } = calls['state.get'].result.parse(answer.value);
    this.seq = seq;
    this.snapshot = snapshot;
    return snapshot;
  }

  async until(isSo: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
    return await new Promise((resolve) => {
      const look = (): void => {
        if (this.snapshot === undefined || !isSo(this.snapshot)) return;
        this.#waiting.delete(look);
        resolve(this.snapshot);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

export function bridgeContract({ name, open }: Way): void {
  describe(`the bridge over ${name}`, () => {
    let world: BridgeWorld;
    let page: PageSide;
    let follower: Follower;

    beforeAll(async () => {
      world = await bridgeWorld();
      page = await open(world, 'manage');
      follower = new Follower(page);
      await follower.begin();
    });
    afterAll(async () => {
      await page?.[Symbol.asyncDispose]();
      await world?.[Symbol.asyncDispose]();
    });

    test('the state comes whole, then in patches without gaps', async () => {
      const snapshot = await follower.until(({ link }) => link.kind === 'ready');
      expect(snapshot.link).toEqual({ kind: 'ready', rights: 'manage' });
      expect(snapshot.state).toBe('NeedsLogin');
      expect(snapshot.daemon.features).toContain('traffic-history');
    });

    test.each(['__proto__', 'constructor', 'nothing', ''])('%j is no call', async (wrong) => {
      expect(await page.call(wrong)).toMatchObject({ ok: false, code: 'bad-argument' });
    });

    test('every call of the contract is answered within it, whatever it is given', async () => {
      const shell: readonly string[] = SHELL_CALLS;
      // These would do it.
      const skipped = ['logout', 'account.add', 'netcheck.run', 'report.build'];
      for (const [call, { result }] of Object.entries(calls)) {
        if (shell.includes(call) || skipped.includes(call)) continue;
        const answer = await page.call(call, { nonsense: ['x'] });
        if (answer.ok) expect(result.safeParse(answer.value).success, call).toBe(true);
        else expect(['internal', 'timeout'], `${call}: ${answer.message}`).not.toContain(answer.code);
      }
      // Their budget is of a second; what comes next has one of its own.
      await systemClock().sleep(1_000);
    });

    test('a server is probed, and one that is none is told from one that is', async () => {
      const good = await page.call('login.probeServer', { url: world.control.url });
      expect(good).toMatchObject({ ok: true, value: { isReachable: true } });
      const bad = await page.call('login.probeServer', { url: 'http://127.0.0.1:1' });
      expect(bad).toMatchObject({ ok: true, value: { isReachable: false } });
    });

    test('signing in needs a server', async () => {
      expect(await page.call('login.start', {})).toMatchObject({ ok: false, code: 'bad-argument' });
    });

    test('signing in by key ends in the network, with settings and an account', async () => {
      const { url, authKey } = world.control;
      const answer = await page.call('login.start', { server: url, authKey, hostname: 'bridge' });
      expect(answer).toMatchObject({ ok: true });
      const snapshot = await follower.until(
        ({ state, self, accounts }) =>
          state === 'Running' && self !== undefined && accounts[0]?.isCurrent === true,
      );
      expect(snapshot.self?.name).toBe('bridge');
      expect(snapshot.settings).toMatchObject({ server: url, wantRunning: true });
      expect(snapshot.accounts).toMatchObject([{ server: url }]);
    });

    test('a setting is what the daemon says after it was edited', async () => {
      expect((await page.call('prefs.edit', { shieldsUp: true })).ok).toBe(true);
      await follower.until(({ settings }) => settings?.shieldsUp === true);
      expect((await world.api.prefs()).ShieldsUp).toBe(true);
      expect((await page.call('prefs.edit', { hostname: '-no-name-' })).ok).toBe(false);
    });

    test('off is off, and on is on again', async () => {
      await page.call('prefs.edit', { wantRunning: false });
      await follower.until(({ state }) => state === 'Stopped');
      await page.call('prefs.edit', { wantRunning: true });
      await follower.until(({ state }) => state === 'Running');
    });

    test('offering the internet is advertised, and taken back', async () => {
      expect((await page.call('exitNode.offer', { on: true })).ok).toBe(true);
      await follower.until(({ settings }) => settings?.advertiseRoutes.length === 2);
      expect((await page.call('exitNode.offer', { on: false })).ok).toBe(true);
      await follower.until(({ settings }) => settings?.advertiseRoutes.length === 0);
      expect(await page.call('exitNode.set', { id: '' })).toMatchObject({ ok: true });
    });

    test('traffic has a past, and goes on second by second until nobody watches', async () => {
      const news = new Promise((resolve) => page.on('traffic', resolve));
      const answer = await page.call('traffic.watch', { seconds: 60 });
      expect(answer.ok && calls['traffic.watch'].result.safeParse(answer.value).success).toBe(true);
      const second = events.traffic.parse(await news);
      expect(second.direct.in.length).toBeGreaterThan(0);
      expect((await page.call('traffic.unwatch')).ok).toBe(true);
    });

    test('the log has its last lines, and no key', async () => {
      const answer = await page.call('log.tail', { follow: false });
      const lines = answer.ok ? calls['log.tail'].result.parse(answer.value) : [];
      expect(lines.some((line) => line.includes('state.entered'))).toBe(true);
      expect(lines.join('\n')).not.toContain(world.control.authKey);
    });

    test('a report has every part, and no key', async () => {
      const answer = await page.call('report.build', { mask: true });
      const files = answer.ok ? calls['report.build'].result.parse(answer.value) : [];
      expect(files.map(({ name }) => name)).toContain('status.json');
      const all = files.map(({ text }) => text).join('\n');
      expect(all).not.toContain(world.control.authKey);
      expect(all).not.toMatch(/privkey:[0-9a-f]/);
    });

    test('settings of the program are kept', async () => {
      expect(await page.call('gui.edit', { theme: 'dark' })).toMatchObject({
        ok: true,
        value: { theme: 'dark' },
      });
      expect(await page.call('gui.get')).toMatchObject({ ok: true, value: { theme: 'dark' } });
      expect(await page.call('gui.edit', { theme: 'pink' })).toMatchObject({ code: 'bad-argument' });
    });

    test('who may only look sees the state and changes nothing', async () => {
      await using looker = await open(world, 'readonly');
      const own = new Follower(looker);
      await own.begin();
      const snapshot = await own.until(({ link }) => link.kind === 'ready');
      expect(snapshot).toMatchObject({ link: { rights: 'readonly' }, accounts: [], authUrl: '' });
      // Pages of one visitor share their calls of a second, and the tests before may have used them up.
      await systemClock().sleep(1_000);
      for (const [call, { access }] of Object.entries(calls))
        if (access === 'manage' && !(SHELL_CALLS as readonly string[]).includes(call))
          expect(await looker.call(call, {}), call).toMatchObject({ ok: false, code: 'not-allowed' });
    });

    test('more calls in a second than a page needs are refused', async () => {
      await using busy = await open(world, 'readonly');
      const answers = await Promise.all(Array.from({ length: 60 }, () => busy.call('gui.get')));
      expect(answers.some((answer) => !answer.ok && answer.code === 'unavailable')).toBe(true);
    });
  });
}
