/** Why a sign-in came to nothing, in the words that its page says. */
import type { WhyNot } from '../oidc/sign-in.ts';

interface Reason {
  readonly status: 400 | 403 | 410 | 502 | 503;
  readonly title: string;
  readonly text: (provider: string) => string;
  /** Somebody else might be let in. */
  readonly isAboutPerson?: true;
}

const FAILED = 'The sign-in did not work';
const NOT_ALLOWED = 'You may not join this network';
const AGAIN = 'Begin again where you began: at the address that your machine shows, or at the sign-in page.';
const askAdmin = 'Ask the administrator of this network.';

export const REASONS: Readonly<Record<WhyNot, Reason>> = {
  'no-state': {
    status: 400,
    title: FAILED,
    text: () => `This address belongs to no sign-in. ${AGAIN}`,
  },
  over: {
    status: 410,
    title: 'This sign-in is over',
    text: () => `It was used already, or is older than 15 minutes. ${AGAIN}`,
  },
  'other-browser': {
    status: 403,
    title: FAILED,
    text: () => `This sign-in was started in another browser. ${AGAIN}`,
  },
  'machine-gone': {
    status: 410,
    title: 'The machine no longer waits',
    text: () =>
      'It was let in already, gave up, or waited longer than 15 minutes. Start the sign-in again on it.',
  },
  'needs-approval': {
    status: 403,
    title: 'An administrator must approve you first',
    text: () => `You are known here now, but may not do anything yet. ${askAdmin} Then sign in again.`,
  },
  suspended: {
    status: 403,
    title: NOT_ALLOWED,
    isAboutPerson: true,
    text: () => `An administrator has suspended you. ${askAdmin}`,
  },
  denied: {
    status: 403,
    title: FAILED,
    text: (provider) => `${provider} did not let you sign in, or you cancelled it there.`,
  },
  'grant-refused': {
    status: 400,
    title: FAILED,
    text: (provider) =>
      `${provider} no longer accepts this sign-in: it was used, or took too long. Try again.`,
  },
  'provider-down': {
    status: 503,
    title: 'The sign-in is not available',
    text: (provider) => `${provider} can’t be reached at the moment. Try again in a while.`,
  },
  'provider-error': {
    status: 502,
    title: FAILED,
    text: (provider) =>
      `${provider} refuses this server: its registration there is not right. ${askAdmin} The server’s log says more.`,
  },
  'bad-answer': {
    status: 403,
    title: FAILED,
    text: (provider) =>
      `What came back from ${provider} does not hold, so nothing was let in. Try again. ${askAdmin}`,
  },
  'unverified-email': {
    status: 403,
    title: NOT_ALLOWED,
    isAboutPerson: true,
    text: (provider) =>
      `${provider} has not verified your e-mail address. Verify it there, then sign in again.`,
  },
  'no-email': {
    status: 403,
    title: NOT_ALLOWED,
    isAboutPerson: true,
    text: (provider) =>
      `${provider} tells no e-mail address of yours, and this network goes by it. ${askAdmin}`,
  },
  domain: {
    status: 403,
    title: NOT_ALLOWED,
    isAboutPerson: true,
    text: () => `Your e-mail address belongs to no domain that may join. ${askAdmin}`,
  },
  user: {
    status: 403,
    title: NOT_ALLOWED,
    isAboutPerson: true,
    text: () => `You are not among those who may join. ${askAdmin}`,
  },
  group: {
    status: 403,
    title: NOT_ALLOWED,
    isAboutPerson: true,
    text: () => `You are in no group that may join. ${askAdmin}`,
  },
};
