/** What is measured in the app's page, as expressions for it and as questions to the browser's own counters. */
import type { CDPSession, Page } from 'playwright-core';

/** Remembers when the first row of the list was there and the page had time again. */
export const WATCH_ROWS = `
  globalThis.ready = new Promise((resolve) => {
    const look = () => {
      if (document.querySelector('main [role=row] [role=rowheader], main [role=row] [role=gridcell]') === null)
        return requestAnimationFrame(look);
      const channel = new MessageChannel();
      channel.port1.onmessage = () => resolve(performance.now());
      requestAnimationFrame(() => channel.port2.postMessage(0));
    };
    look();
  });
`;

export const FIRST_PAINT = `new Promise((resolve) => {
  new PerformanceObserver((list, observer) => {
    observer.disconnect();
    resolve(list.getEntries()[0].startTime);
  }).observe({ type: 'paint', buffered: true });
})`;

/** Drags the longest list from end to end and back; the time between frames, one number each. */
export const SCROLL = `new Promise((resolve) => {
  const lists = [...document.querySelectorAll('main, main *')].filter(
    (one) => one.scrollHeight > one.clientHeight + 200 && /auto|scroll/.test(getComputedStyle(one).overflowY));
  const list = lists.sort((a, b) => b.scrollHeight - a.scrollHeight)[0];
  const frames = [];
  let last;
  let step = 90;
  const each = (at) => {
    if (last !== undefined) frames.push(at - last);
    last = at;
    list.scrollTop += step;
    if (frames.length === 150) step = 2_400;
    if (frames.length === 225) step = -2_400;
    if (frames.length < 300) requestAnimationFrame(each);
    else resolve(frames);
  };
  requestAnimationFrame(each);
})`;

/** Two frames: what was asked for is on the screen. */
export const SETTLED =
  'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))';

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
    if (n % 10 === 9) await new Promise((resolve) => requestAnimationFrame(resolve));
  }
})()`;

/** Seconds of script, styles and layout so far. */
export async function workSeconds(cdp: CDPSession): Promise<number> {
  const { metrics } = await cdp.send('Performance.getMetrics');
  const of = (wanted: string): number => metrics.find(({ name }) => name === wanted)?.value ?? 0;
  return of('ScriptDuration') + of('LayoutDuration') + of('RecalcStyleDuration');
}

export async function heapMB(cdp: CDPSession): Promise<number> {
  await cdp.send('HeapProfiler.collectGarbage');
  const { usedSize } = await cdp.send('Runtime.getHeapUsage');
  return usedSize / 1e6;
}

/** What one thing that the user or the daemon does costs the page, in milliseconds. */
export async function costMs(page: Page, cdp: CDPSession, act: () => Promise<unknown>): Promise<number> {
  const before = await workSeconds(cdp);
  await act();
  await page.evaluate(SETTLED);
  return ((await workSeconds(cdp)) - before) * 1_000;
}
