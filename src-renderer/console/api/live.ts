/** The line to the server's events: opens it, opens it again, and tells the screens what to ask anew. */
import { create } from 'zustand';
import { type LiveEvent, liveEvent } from '#shared/console/live.ts';
import { call, loadSession } from './client.ts';
import { type Link, type LinkEvent, step } from './link.ts';
import { amend, invalidate, isShown } from './query.ts';

export const useLink = create<{ readonly link: Link }>(() => ({ link: { kind: 'connecting' } }));

const URL_OF_EVENTS = '/admin/api/events';
let source: EventSource | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;
/** Answers are put into the list in the order of the events. */
let turn: Promise<void> = Promise.resolve();

export function openLine(): void {
  closeLine();
  const opened = new EventSource(URL_OF_EVENTS);
  source = opened;
  opened.onopen = () => tell({ type: 'opened' });
  opened.addEventListener('change', (event: MessageEvent<string>) => {
    const parsed = liveEvent.safeParse(parse(event.data));
    if (parsed.success) take(parsed.data);
    else invalidate(undefined);
  });
  opened.onerror = () => {
    // The browser's own retries know no limit and no sign-out: ours do.
    closeLine();
    void whyBroken().then(tell);
  };
}

export function closeLine(): void {
  clearTimeout(retry);
  source?.close();
  source = undefined;
}

/** An event stream does not say why it was refused; the session does. */
async function whyBroken(): Promise<LinkEvent> {
  try {
    if ((await loadSession()) === undefined) return { type: 'refused' };
  } catch {
    // As unreachable as the events: the state "lost" says so.
  }
  return { type: 'broke', at: Date.now() };
}

function tell(event: LinkEvent): void {
  const [link, effects] = step(useLink.getState().link, event);
  useLink.setState({ link });
  for (const effect of effects) {
    if (effect.do === 'refetch') invalidate(undefined);
    else {
      clearTimeout(retry);
      retry = setTimeout(openLine, effect.afterMs);
    }
  }
}

function take({ topics, nodes }: LiveEvent): void {
  const rest = topics.filter((topic) => topic !== 'nodes');
  if (topics.includes('nodes')) {
    if (nodes === null || !isShown('nodes.list')) invalidate(['nodes']);
    else turn = turn.then(() => fetchNodes(nodes)).catch(() => invalidate(['nodes']));
  }
  if (rest.length > 0) invalidate(rest);
}

/** Only the machines that changed, put into the list that is shown. */
async function fetchNodes(ids: readonly number[]): Promise<void> {
  const changed = new Map((await call('nodes.list', { ids })).map((node) => [node.id, node]));
  const concerned = new Set(ids);
  amend('nodes.list', {}, (nodes) => {
    const kept = nodes.flatMap((node) => {
      if (!concerned.has(node.id)) return [node];
      const next = changed.get(node.id);
      changed.delete(node.id);
      return next === undefined ? [] : [next];
    });
    return [...kept, ...changed.values()];
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
