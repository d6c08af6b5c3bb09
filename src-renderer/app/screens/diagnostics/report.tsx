/** Everything a helper needs, in files that can be read before they are saved; nothing is sent anywhere. */
import { Copy, Download } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../../../ui/button.tsx';
import { copyText } from '../../../ui/copy.tsx';
import { EmptyState, Problem, Skeleton } from '../../../ui/notice.tsx';
import { Card } from '../../../ui/page.tsx';
import { tellDone, tellFailed } from '../../../ui/toast.tsx';
import { Checkbox, Switch } from '../../../ui/toggle.tsx';
import { formatBytes } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { type ZipEntry, zip } from '../../lib/zip.ts';
import { ask, failureText } from '../../store/act.ts';
import { useMayManage } from '../../store/store.ts';

const LONGEST_PREVIEW = 60_000;

export function Report(): React.JSX.Element {
  const mayManage = useMayManage();
  const [isMasked, setMasked] = useState(true);
  const [files, setFiles] = useState<readonly ZipEntry[]>();
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const build = async (mask: boolean): Promise<void> => {
    if (isBusy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      setFiles(await ask('report.build', { mask }));
    } catch (error) {
      setProblem(failureText(error));
    } finally {
      setBusy(false);
    }
  };
  const taken = (files ?? []).filter(({ name }) => !left.has(name));
  const take = (name: string, on: boolean): void => {
    const next = new Set(left);
    if (on) next.delete(name);
    else next.add(name);
    setLeft(next);
  };
  if (!mayManage) return <EmptyState icon={Download} title={t('report.notAllowed')} />;
  return (
    <div className="diagnostics-tab">
      <Card
        title={t('report.title')}
        about={t('report.about')}
        actions={
          <>
            <Button
              kind={files === undefined ? 'strong' : 'plain'}
              isPending={isBusy}
              onPress={() => void build(isMasked)}
            >
              {files === undefined ? t('report.build') : t('report.rebuild')}
            </Button>
            {files === undefined ? null : (
              <Button
                icon={Copy}
                isDisabled={taken.length === 0}
                onPress={() => void copyText(taken.map(asText).join('\n'))}
              >
                {t('diagnostics.copy')}
              </Button>
            )}
            {files === undefined ? null : (
              <Button
                kind="strong"
                icon={Download}
                isDisabled={taken.length === 0}
                onPress={() => void save(taken)}
              >
                {t('report.save')}
              </Button>
            )}
          </>
        }
      >
        <Switch
          isSelected={isMasked}
          onChange={(on) => {
            setMasked(on);
            // What is shown must be what would be saved.
            if (files !== undefined) void build(on);
          }}
          note={t('report.maskNote')}
        >
          {t('report.mask')}
        </Switch>
        {problem === undefined ? null : <Problem text={problem} />}
        {isBusy ? (
          <Skeleton rows={5} />
        ) : (
          (files ?? []).map((file) => (
            <File
              key={file.name}
              file={file}
              isTaken={!left.has(file.name)}
              onTake={(on) => take(file.name, on)}
            />
          ))
        )}
      </Card>
    </div>
  );
}

function File({
  file: { name, text },
  isTaken,
  onTake,
}: {
  readonly file: ZipEntry;
  readonly isTaken: boolean;
  readonly onTake: (on: boolean) => void;
}): React.JSX.Element {
  const [isOpen, setOpen] = useState(false);
  return (
    <div className="report-file">
      <Checkbox isSelected={isTaken} onChange={onTake}>
        <span className="mono">{cut(name, 80)}</span> <span className="soft">{formatBytes(text.length)}</span>
      </Checkbox>
      <Button size="small" aria-expanded={isOpen} onPress={() => setOpen(!isOpen)}>
        {isOpen ? t('report.hide') : t('report.preview')}
      </Button>
      {isOpen ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
        <section className="report-text" tabIndex={0} aria-label={cut(name, 80)}>
          {text.slice(0, LONGEST_PREVIEW)}
        </section>
      ) : null}
    </div>
  );
}

const asText = ({ name, text }: ZipEntry): string => `--- ${name}\n${text}`;

/** File names within the zip come from the daemon: only letters, digits, dots and dashes are kept. */
const safeName = (name: string): string => name.replace(/[^\w.-]+/g, '_').replace(/^\.+/, '_');

async function save(files: readonly ZipEntry[]): Promise<void> {
  try {
    const blob = await zip(files.map(({ name, text }) => ({ name: safeName(name), text })));
    const url = URL.createObjectURL(blob);
    const link = document.createElement('a');
    link.href = url;
    link.download = `rhumb-report-${new Date().toISOString().slice(0, 16).replace(/[:T]/g, '-')}.zip`;
    link.click();
    URL.revokeObjectURL(url);
    tellDone(t('report.saved'));
  } catch {
    tellFailed(t('report.failed'));
  }
}
