/** What this process is busy with, as text: the nearest thing to a list of threads that a JavaScript program has. */

/** Requests, timers and handles that keep the process alive, counted by kind; then memory and time used. */
export function runtimeText(): string {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const lines = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `${kind} ${count}`);
  const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return [
    `rhumbd ${process.version}, up ${Math.round(process.uptime())} s`,
    '',
    'active resources:',
    ...lines,
    '',
    'memory:',
    `rss ${rss}`,
    `heap used ${heapUsed}`,
    `heap total ${heapTotal}`,
    `external ${external}`,
    `array buffers ${arrayBuffers}`,
    '',
    'cpu microseconds:',
    `user ${user}`,
    `system ${system}`,
    '',
  ].join('\n');
}
