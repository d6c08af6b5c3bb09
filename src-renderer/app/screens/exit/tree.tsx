/** The picker while browsing: a tree of sections, devices, countries, cities and servers, with the keys of a tree. */
import { ChevronRight } from 'lucide-react';
import { useEffect, useMemo, useRef } from 'react';
import {
  Button as AriaButton,
  Tree,
  TreeHeader,
  TreeItem,
  TreeItemContent,
  TreeSection,
} from 'react-aria-components';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { chooseExitNode } from '../../store/exit-node.ts';
import { useApp } from '../../store/store.ts';
import type { Group, Node, SectionId } from './model.ts';
import { Mark, RowTexts } from './row.tsx';
import { type Uses, useUses } from './use.ts';
import { spoken } from './words.ts';

const NONE = 'none';

const titleOf = (id: SectionId): string => t(`exit.section.${id}`);

export function ExitTree({
  groups,
  open,
  onOpen,
  whyDisabled,
}: {
  readonly groups: readonly Group[];
  /** Keys of the places that are open. */
  readonly open: ReadonlySet<string>;
  readonly onOpen: (open: ReadonlySet<string>) => void;
  /** The id of the text that says why nothing can be chosen; undefined = it can. */
  readonly whyDisabled: string | undefined;
}): React.JSX.Element {
  const uses = useUses();
  const list = useRef<HTMLDivElement>(null);
  const nodes = useMemo(() => byKey(groups.flatMap(({ nodes }) => nodes)), [groups]);
  const isDisabled = whyDisabled !== undefined;
  const disabled = useMemo(
    () =>
      isDisabled
        ? [NONE, ...nodes.keys()]
        : [...nodes].filter(([, node]) => isUseless(node)).map(([key]) => key),
    [isDisabled, nodes],
  );
  // Once: whoever scrolls away from it means to.
  useEffect(() => list.current?.querySelector('[data-in-use]')?.scrollIntoView({ block: 'nearest' }), []);
  return (
    <Tree
      ref={list}
      aria-label={t('exit.list')}
      {...(whyDisabled === undefined ? {} : { 'aria-describedby': whyDisabled })}
      className="exit-list"
      disabledKeys={disabled}
      disabledBehavior="selection"
      expandedKeys={open}
      onExpandedChange={(keys) => onOpen(new Set([...keys].map(String)))}
      onAction={(key) => {
        if (isDisabled) return;
        if (key === NONE) return chooseExitNode('');
        const node = nodes.get(String(key));
        if (node !== undefined && !isUseless(node))
          chooseExitNode(node.kind === 'device' ? node.id : node.best.id);
      }}
    >
      <TreeItem id={NONE} textValue={`${t('exit.none')}, ${t('exit.none.note')}`} className="exit-row">
        <TreeItemContent>
          <span className="exit-chevron" />
          <span className="exit-names">
            <span className="exit-name">{t('exit.none')}</span>
            <span className="exit-note">{t('exit.none.note')}</span>
          </span>
          <Mark use={uses.of('')} />
        </TreeItemContent>
      </TreeItem>
      {groups.map(({ id, nodes: own }) => (
        <TreeSection key={id} id={`section ${id}`}>
          <TreeHeader className="exit-section">{titleOf(id)}</TreeHeader>
          {own.map((node) => (
            <Row key={node.key} node={node} uses={uses} />
          ))}
        </TreeSection>
      ))}
    </Tree>
  );
}

function Row({ node, uses }: { readonly node: Node; readonly uses: Uses }): React.JSX.Element {
  const nowMs = useApp.getState().nowMs;
  const use = uses.of(node);
  return (
    <TreeItem
      id={node.key}
      textValue={spoken(node, nowMs, use === 'used')}
      className={`exit-row${isUseless(node) ? ' exit-useless' : ''}`}
    >
      <TreeItemContent>
        {node.kind === 'place' ? (
          <AriaButton slot="chevron" className="exit-chevron">
            <ChevronRight aria-label={cut(node.name)} />
          </AriaButton>
        ) : (
          <span className="exit-chevron" />
        )}
        <RowTexts node={node} use={use} />
      </TreeItemContent>
      {node.kind === 'place'
        ? node.children.map((child) => <Row key={child.key} node={child} uses={uses} />)
        : null}
    </TreeItem>
  );
}

const isUseless = (node: Node): boolean => (node.kind === 'device' ? node : node.best).trouble !== 'none';

function byKey(nodes: readonly Node[]): ReadonlyMap<string, Node> {
  const found = new Map<string, Node>();
  const add = (node: Node): void => {
    found.set(node.key, node);
    if (node.kind === 'place') for (const child of node.children) add(child);
  };
  for (const node of nodes) add(node);
  return found;
}
