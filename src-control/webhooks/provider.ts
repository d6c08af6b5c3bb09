/** How a delivery looks for each kind of receiver. */
import type { WebhookEvent } from './events.ts';

export const PROVIDERS = ['generic', 'slack', 'mattermost', 'googlechat', 'discord', 'teams'] as const;
export type ProviderType = (typeof PROVIDERS)[number];

/** Chats refuse more. */
const MAX_TEXT = 1_900;

export function bodyFor(provider: ProviderType, events: readonly WebhookEvent[]): string {
  if (provider === 'generic') return JSON.stringify(events);
  const text = events.map(({ message, tailnet }) => `${plain(message)} (${tailnet})`).join('\n');
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return JSON.stringify(
    provider === 'discord' ? { content: short, allowed_mentions: { parse: [] } } : { text: short },
  );
}

/** Names come from machines: none of them may call everybody, or look like a link. */
const plain = (text: string): string => text.replace(/[<>@*_`[\]\p{Cc}]/gu, ' ');
