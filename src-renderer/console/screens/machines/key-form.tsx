/** The questions about a new auth key: whose machines, how often, for how long. */
import { useState } from 'react';
import type { AuthKey } from '#shared/console/shapes.ts';
import { ComboBox, Select } from '../../../ui/choice.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { TagInput } from '../../../ui/tag-input.tsx';
import { t } from '../../../ui/text.ts';
import { Checkbox, RadioGroup } from '../../../ui/toggle.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { useSession } from '../../app/session.ts';
import { completeTag, tagProblem, useKnownTags } from './tags-dialog.tsx';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LIVES = ['hour', 'day', 'week', 'quarter', 'never'] as const;
type Life = (typeof LIVES)[number];
const LIFE_MS: Readonly<Record<Life, number>> = {
  hour: HOUR,
  day: DAY,
  week: 7 * DAY,
  quarter: 90 * DAY,
  never: 0,
};

export interface KeyFormProps {
  readonly isOwn: boolean;
  readonly onMade: (key: AuthKey) => void;
  readonly onClose: () => void;
}

export function KeyForm({ isOwn, onMade, onClose }: KeyFormProps): React.JSX.Element {
  const session = useSession();
  const [owner, setOwner] = useState<'user' | 'tags'>('user');
  const [user, setUser] = useState<string>(session.user.name);
  const [tags, setTags] = useState<readonly string[]>([]);
  const [reusable, setReusable] = useState(false);
  const [ephemeral, setEphemeral] = useState(false);
  const [preapproved, setPreapproved] = useState(true);
  const [life, setLife] = useState<Life>('day');
  const [description, setDescription] = useState('');
  const isTagged = owner === 'tags' && !isOwn;
  const texts: Readonly<Record<Life, string>> = {
    hour: t('1 hour'),
    day: t('1 day'),
    week: t('7 days'),
    quarter: t('90 days'),
    never: t('For ever'),
  };
  const common = {
    ...{ reusable, ephemeral, expirationMs: LIFE_MS[life] },
    ...(description === '' ? {} : { description }),
  };
  const make = async (): Promise<AuthKey> => {
    if (isOwn) return call('my.key-create', common);
    const whose = isTagged ? { tags: [...tags] } : { user };
    return call('preauthkeys.create', { ...common, ...whose, preapproved });
  };
  return (
    <FormDialog
      title={t('A key for a machine')}
      submit={t('Make the key')}
      canSubmit={!isTagged || tags.length > 0}
      onClose={onClose}
      onSubmit={async () => onMade(await make())}
    >
      {isOwn ? null : <Whose owner={owner} onOwner={setOwner} />}
      {isOwn || isTagged ? null : <UserChoice value={user} onChange={setUser} />}
      {isTagged ? <TagChoice value={tags} onChange={setTags} /> : null}
      <Select
        label={t('The key works for')}
        value={life}
        onChange={setLife}
        options={LIVES.filter((id) => !isOwn || id !== 'never').map((id) => ({ id, text: texts[id] }))}
      />
      <div>
        <Checkbox isSelected={reusable} onChange={setReusable} note={t('Lets any number of machines in.')}>
          {t('Reusable')}
        </Checkbox>
        <Checkbox
          isSelected={ephemeral}
          onChange={setEphemeral}
          note={t('Its machines are removed by themselves when they are gone: for containers and tests.')}
        >
          {t('Ephemeral')}
        </Checkbox>
        {isOwn ? null : (
          <Checkbox
            isSelected={preapproved}
            onChange={setPreapproved}
            note={t('Its machines need no further approval.')}
          >
            {t('Approved in advance')}
          </Checkbox>
        )}
      </div>
      <TextField
        label={t('Description')}
        value={description}
        onChange={setDescription}
        maxLength={256}
        placeholder={t('What it is for')}
      />
    </FormDialog>
  );
}

function Whose({
  owner,
  onOwner,
}: {
  readonly owner: 'user' | 'tags';
  readonly onOwner: (owner: 'user' | 'tags') => void;
}): React.JSX.Element {
  return (
    <RadioGroup
      label={t('Whose machines it lets in')}
      value={owner}
      onChange={(value) => onOwner(value === 'tags' ? 'tags' : 'user')}
      choices={[
        { id: 'user', text: t('A person’s'), note: t('Laptops, phones: what somebody uses') },
        { id: 'tags', text: t('Their tags’'), note: t('Servers, routers: what serves everybody') },
      ]}
    />
  );
}

function UserChoice({
  value,
  onChange,
}: {
  readonly value: string;
  readonly onChange: (user: string) => void;
}): React.JSX.Element {
  const users = useQuery('users.list', {});
  return (
    <ComboBox
      label={t('User')}
      value={value}
      onChange={onChange}
      options={(users.data ?? []).map(({ name, display_name }) => ({
        id: name,
        text: name,
        note: display_name || undefined,
      }))}
    />
  );
}

function TagChoice({
  value,
  onChange,
}: {
  readonly value: readonly string[];
  readonly onChange: (tags: readonly string[]) => void;
}): React.JSX.Element {
  return (
    <TagInput
      label={t('Tags')}
      value={value}
      onChange={onChange}
      known={useKnownTags()}
      complete={completeTag}
      problemOf={tagProblem}
      placeholder="tag:server"
    />
  );
}
