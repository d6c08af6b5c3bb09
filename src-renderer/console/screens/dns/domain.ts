/** Whether a text can be a domain's name. */
import { t } from '../../../ui/text.ts';

export const domainProblem = (text: string): string | undefined =>
  /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(text)
    ? undefined
    : t('This is no domain name');
