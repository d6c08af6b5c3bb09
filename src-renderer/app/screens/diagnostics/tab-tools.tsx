/** What every tab can do with what it shows: copy it as plain text, and put it into a report. */
import { Copy, FileArchive } from 'lucide-react';
import { Button } from '../../../ui/button.tsx';
import { copyText } from '../../../ui/copy.tsx';
import { t } from '../../i18n/text.ts';
import { go } from '../../shell/route.ts';

/** `textOf` is asked when it is wanted; undefined = there is nothing to copy yet. */
export const TabTools = ({ textOf }: { readonly textOf: (() => string) | undefined }): React.JSX.Element => (
  <div className="tab-tools">
    <Button
      size="small"
      icon={Copy}
      isDisabled={textOf === undefined}
      onPress={() => {
        if (textOf !== undefined) void copyText(textOf());
      }}
    >
      {t('diagnostics.copy')}
    </Button>
    <Button size="small" icon={FileArchive} onPress={() => go('/diagnostics/report')}>
      {t('diagnostics.report')}
    </Button>
  </div>
);

/** A table as lines of text. */
export const tableText = (
  title: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string => [title, columns.join('\t'), ...rows.map((row) => row.join('\t'))].join('\n');
