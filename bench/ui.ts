/** `ui`: how fast the app's page is there, scrolls and answers, with 10, 500 and 5 000 devices; its memory and its size. */
import { CALLS, type MadeCall } from '../e2e/scenes/scripted-bridge.ts';
import { BUNDLE, bundleExists } from '../e2e/scenes/serve.ts';
import { chromiumPath } from '../e2e/sign-in/chromium.ts';
import { bundleSize } from '../tools/bundle-size.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import {
  CLICKED,
  churn,
  costOf,
  FIRST_PAINT,
  heapMB,
  KEEP_FIRST,
  READY,
  type Scrolled,
  SETTLED,
  scrolling,
  WATCH_CLICK,
  WATCH_ROWS,
  worked,
} from './ui-page.ts';
import { type BenchStage, type OpenPage, openBenchStage } from './ui-stage.ts';

/** The sizes, and that of desktop.md §14. */
const COUNTS = [10, 300, 500, 5_000] as const;
const MOST = 5_000;
const RUNS = 5;
const ROUNDS = 3;
/** A quick wheel, and the thumb of the scroll bar: more than a view at each step. */
const WHEEL = { step: 90, frames: 180 } as const;
const DRAG = { step: 2_400, frames: 90 } as const;
/** desktop.md §14: as on a computer a quarter as fast. */
const SLOW_CPU = 4;
/** A patch of that many devices each second, told one after the other without the waits between. */
const HOUR_OF_PATCHES = 3_600;
const CHANGED_DEVICES = 20;
const WARM_UP_PATCHES = 600;

/** Most that each figure may be: the goals, then desktop.md §14. */
const GOALS: Readonly<Record<string, number>> = {
  firstPaint5000Ms: 1_000,
  interactive5000Ms: 1_000,
  wheelP95Ms: 20,
  bundleKB: 400,
  heapGrowthMB: 2,
  interactive300Ms: 400,
  slowLongestTaskMs: 50,
  patch100ScriptMs: 8,
  searchKeyScriptMs: 16,
  heap300MB: 40,
};

const sorted = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b);
const at = (values: readonly number[], part: number): number =>
  sorted(values)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;
const median = (values: readonly number[]): number => at(values, 0.5);

type Figures = Record<string, number>;

async function load(stage: BenchStage, count: number, figures: Figures): Promise<void> {
  const paints: number[] = [];
  const ready: number[] = [];
  const work: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    await using opened = await stage.open('/devices', count, WATCH_ROWS);
    paints.push(Number(await opened.page.evaluate(FIRST_PAINT)));
    ready.push(Number(await opened.page.evaluate(READY)));
    work.push((await worked(opened.cdp)).all);
  }
  figures[`firstPaint${count}Ms`] = median(paints);
  figures[`interactive${count}Ms`] = median(ready);
  figures[`load${count}WorkMs`] = median(work);
}

interface Moved {
  readonly wheel: number[];
  readonly drag: number[];
  /** Work of the page's thread in each frame. */
  readonly work: number[];
}

const movedFigures = ({ wheel, drag, work }: Moved): Figures => ({
  wheelP50Ms: median(wheel),
  wheelP95Ms: at(wheel, 0.95),
  dragP50Ms: median(drag),
  dragP95Ms: at(drag, 0.95),
  frameWorkMs: median(work),
});

async function scrolled({ page }: OpenPage, { step, frames }: typeof WHEEL | typeof DRAG): Promise<Scrolled> {
  return (await page.evaluate(scrolling(step, frames))) as Scrolled;
}

async function moveOnce(opened: OpenPage, into: Moved): Promise<void> {
  const { all } = await costOf(opened, async () => {
    into.wheel.push(...(await scrolled(opened, WHEEL)).frames);
  });
  into.work.push(all / WHEEL.frames);
  into.drag.push(...(await scrolled(opened, DRAG)).frames);
}

/** In turns with a page that only scrolls, so that both meet the same machine. */
async function scroll(ours: OpenPage, bare: OpenPage, figures: Figures): Promise<Figures> {
  const [our, their]: Moved[] = [0, 1].map(() => ({ wheel: [], drag: [], work: [] }));
  if (our === undefined || their === undefined) throw new Error('two pages are measured');
  for (let round = 0; round < ROUNDS; round += 1) {
    await bare.page.bringToFront();
    await moveOnce(bare, their);
    await ours.page.bringToFront();
    await moveOnce(ours, our);
  }
  Object.assign(figures, movedFigures(our));
  await ours.cdp.send('Emulation.setCPUThrottlingRate', { rate: SLOW_CPU });
  const slow = [await scrolled(ours, WHEEL), await scrolled(ours, DRAG)];
  await ours.cdp.send('Emulation.setCPUThrottlingRate', { rate: 1 });
  figures['slowWheelP95Ms'] = at(slow[0]?.frames ?? [], 0.95);
  figures['slowLongestTaskMs'] = Math.max(0, ...slow.flatMap(({ longTasks }) => longTasks));
  return movedFigures(their);
}

async function work(opened: OpenPage, figures: Figures): Promise<void> {
  const { page, cdp } = opened;
  await page.evaluate(KEEP_FIRST);
  let seq = 2;
  const patches: { readonly script: number; readonly all: number }[] = [];
  for (let run = 0; run < RUNS * 2; run += 1) {
    patches.push(await costOf(opened, () => page.evaluate(churn(1, 100, seq))));
    seq += 1;
  }
  figures['patch100ScriptMs'] = median(patches.map(({ script }) => script));
  figures['patch100Ms'] = median(patches.map(({ all }) => all));
  const field = page.getByRole('searchbox');
  await field.focus();
  const keys: (typeof patches)[number][] = [];
  for (let run = 0; run < ROUNDS; run += 1) {
    for (const key of 'laptop-12') keys.push(await costOf(opened, () => page.keyboard.press(key)));
    await field.fill('');
    await page.evaluate(SETTLED);
  }
  figures['searchKeyScriptMs'] = median(keys.map(({ script }) => script));
  figures['searchKeyMs'] = median(keys.map(({ all }) => all));
  // Every device was changed before, so that what is kept for each is there already.
  await page.evaluate(churn(WARM_UP_PATCHES, CHANGED_DEVICES, seq));
  seq += WARM_UP_PATCHES;
  const before = await heapMB(cdp);
  const { all } = await costOf(opened, () => page.evaluate(churn(HOUR_OF_PATCHES, CHANGED_DEVICES, seq)));
  figures['churnPatchMs'] = all / HOUR_OF_PATCHES;
  figures['heap5000MB'] = await heapMB(cdp);
  figures['heapGrowthMB'] = Math.max(0, figures['heap5000MB'] - before);
}

async function click(stage: BenchStage, figures: Figures): Promise<void> {
  const took: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    await using opened = await stage.open('/', MOST, WATCH_CLICK);
    const { page } = opened;
    await page.getByText('On', { exact: true }).first().click();
    await page.evaluate(SETTLED);
    const calls = (await page.evaluate(CALLS)) as readonly MadeCall[];
    const edit = calls.findLast(({ name }) => name === 'prefs.edit');
    if (edit === undefined) throw new Error('the switch did not call the daemon');
    took.push(edit.atMs - Number(await page.evaluate(CLICKED)));
  }
  figures['switchToCallMs'] = median(took);
}

async function memory(stage: BenchStage, figures: Figures): Promise<void> {
  await using opened = await stage.open('/devices', 300, WATCH_ROWS);
  await opened.page.evaluate(READY);
  figures['heap300MB'] = await heapMB(opened.cdp);
}

function missedOf(figures: Figures): readonly string[] {
  return Object.entries(GOALS).flatMap(([name, goal]) => {
    const value = figures[name];
    return value === undefined || value > goal ? [`${name} is ${value?.toFixed(1)}, not below ${goal}`] : [];
  });
}

/** For people; the line of figures at the end is for programs. */
function tell(figures: Figures, bare: Figures): void {
  for (const [name, value] of Object.entries(figures)) {
    const goal = GOALS[name];
    const verdict = goal === undefined ? '' : `${value <= goal ? 'ok    ' : 'MISSED'} ≤ ${goal}`;
    const floor = bare[name] === undefined ? '' : `bare page ${bare[name].toFixed(1)}`;
    console.error(
      `${name.padEnd(20)} ${value.toFixed(1).padStart(9)}   ${verdict.padEnd(14)} ${floor}`.trimEnd(),
    );
  }
}

async function run(): Promise<Measured> {
  const figures: Figures = {};
  await using stage = await openBenchStage();
  for (const count of COUNTS) await load(stage, count, figures);
  await memory(stage, figures);
  await using bare = await stage.openBare();
  await using ours = await stage.open('/devices', MOST, WATCH_ROWS);
  await ours.page.evaluate(READY);
  const floor = await scroll(ours, bare, figures);
  await work(ours, figures);
  await click(stage, figures);
  const size = bundleSize(BUNDLE);
  figures['bundleKB'] = size?.allKB ?? Number.POSITIVE_INFINITY;
  figures['firstScreenKB'] = size?.firstKB ?? Number.POSITIVE_INFINITY;
  tell(figures, floor);
  return { figures, peers: { 'bare page': floor }, missed: missedOf(figures) };
}

export const ui: Benchmark = {
  name: 'ui',
  what: 'the app’s page with 10, 500 and 5 000 devices: first paint, scrolling, a click, changes, memory, size',
  whyNot: () =>
    chromiumPath === undefined
      ? 'there is no Chromium here'
      : bundleExists()
        ? undefined
        : 'the app is not built',
  run,
};
