/** What is measured in the app's page, as expressions for it and as questions to the browser's own counters. */
import type { CDPSession, Page } from 'playwright-core';

/** Remembers when the first row of the list was there and the page had time again. */
export const WATCH_ROWS = `
  globalThis.ready = new Promise((resolve) => {
    const look = () => {
      if (document.querySelector('main [role=row][data-index]') === null) return requestAnimationFrame(look);
      const channel = new MessageChannel();
      channel.port1.onmessage = () => resolve(performance.now());
      requestAnimationFrame(() => channel.port2.postMessage(0));
    };
    look();
  });
`;
export const READY = 'ready';

export const FIRST_PAINT = `new Promise((resolve) => {
  new PerformanceObserver((list, observer) => {
    const found = list.getEntriesByName('first-contentful-paint')[0];
    if (found === undefined) return;
    observer.disconnect();
    resolve(found.startTime);
  }).observe({ type: 'paint', buffered: true });
})`;

export interface Scrolled {
  /** Time between frames, ms. */
  readonly frames: readonly number[];
  /** Tasks of more than 50 ms, how long each took. */
  readonly longTasks: readonly number[];
}

/** Moves the longest list by \`step\` pixels in each of \`count\` frames, from its top. */
export const scrolling = (step: number, count: number): string => `new Promise((resolve) => {
  const lists = [...document.querySelectorAll('main, main *')].filter(
    (one) => one.scrollHeight > one.clientHeight + 200 && /auto|scroll/.test(getComputedStyle(one).overflowY));
  const list = lists.sort((a, b) => b.scrollHeight - a.scrollHeight)[0];
  const frames = [];
  const longTasks = [];
  const observer = new PerformanceObserver((seen) => longTasks.push(...seen.getEntries().map((one) => one.duration)));
  observer.observe({ type: 'longtask' });
  list.scrollTop = 0;
  let last;
  const each = (at) => {
    if (last !== undefined) frames.push(at - last);
    last = at;
    list.scrollTop += ${step};
    if (frames.length < ${count}) return requestAnimationFrame(each);
    longTasks.push(...observer.takeRecords().map((one) => one.duration));
    observer.disconnect();
    resolve({ frames, longTasks });
  };
  requestAnimationFrame(() => requestAnimationFrame(each));
})`;

/** Two frames: what was asked for is on the screen. */
export const SETTLED =
  'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))';

export const KEEP_FIRST = `rhumb.call('state.get').then((first) => { backstage.first = first; })`;

/** From now on the moment of the last press of the pointer is kept. */
export const WATCH_CLICK = `addEventListener('pointerdown', ({ timeStamp }) => { globalThis.clickedMs = timeStamp; }, true)`;
export const CLICKED = 'clickedMs';

/** Changes of \`each\` devices, \`count\` times, as a network in motion makes them. */
export const churn = (count: number, each: number, from: number): string => `(async () => {
  const { snapshot } = backstage.first;
  const ids = Object.keys(snapshot.devices);
  for (let n = 0; n < ${count}; n += 1) {
    const devices = {};
    for (let m = 0; m < ${each}; m += 1) {
      const id = ids[(n * ${each} + m * 37) % ids.length];
      const old = snapshot.devices[id];
      devices[id] = { ...old, isOnline: n % 2 === 0, path: { ...old.path, latencyMs: n % 97 } };
    }
    backstage.emit('patch', { seq: ${from} + n, patch: { devices } });
    if (n % 10 === 9) await new Promise((resolve) => setTimeout(resolve));
  }
})()`;

/** Milliseconds that the page's own thread worked so far: in script, for styles and for layout, and in all. */
export async function worked(cdp: CDPSession): Promise<{ readonly script: number; readonly all: number }> {
  const { metrics } = await cdp.send('Performance.getMetrics');
  const of = (wanted: string): number => metrics.find(({ name }) => name === wanted)?.value ?? 0;
  return { script: of('ScriptDuration') * 1_000, all: of('TaskDuration') * 1_000 };
}

export async function heapMB(cdp: CDPSession): Promise<number> {
  // What only weak references and finalizers hold goes with the second round.
  await cdp.send('HeapProfiler.collectGarbage');
  await cdp.send('HeapProfiler.collectGarbage');
  const { usedSize } = await cdp.send('Runtime.getHeapUsage');
  return usedSize / 1e6;
}

/** What one thing that the user or the daemon does costs the page's thread, in milliseconds of work. */
export async function costOf(
  { page, cdp }: { readonly page: Page; readonly cdp: CDPSession },
  act: () => Promise<unknown>,
): Promise<{ readonly script: number; readonly all: number }> {
  const before = await worked(cdp);
  await act();
  await page.evaluate(SETTLED);
  const after = await worked(cdp);
  return { script: after.script - before.script, all: after.all - before.all };
}
