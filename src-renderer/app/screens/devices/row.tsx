/** The columns of the list of devices. */
import { Pin } from 'lucide-react';
import type { Device, Snapshot } from '#shared/ui-state/types.ts';
import { Status } from '../../../ui/badge.tsx';
import type { Column } from '../../../ui/grid.tsx';
import { PathMark } from '../../../ui/path-line.tsx';
import { formatRelative } from '../../../ui/time.tsx';
import { t } from '../../i18n/text.ts';
import {
  addressOf,
  ipv4Of,
  latencyOf,
  latencyText,
  marksOf,
  ownerText,
  pathWords,
  presenceOf,
  systemName,
} from '../../lib/devices.ts';
import { cut } from '../../lib/foreign.tsx';
import { useMeasured } from '../../lib/ping.ts';
import { SystemIcon } from '../../lib/system-icon.tsx';
import { Link } from '../../shell/link.tsx';
import type { Entry } from './filters.ts';
import { piecesOf } from './search.ts';

interface Around {
  readonly marked: readonly string[];
  readonly users: Snapshot['users'];
  readonly isOn: boolean;
  readonly nowMs: number;
  readonly pinned: ReadonlySet<string>;
}

type Cell = (device: Device, isNarrow: boolean) => React.ReactNode;

/** What distinguishes it comes first. */
export function rowName(device: Device, users: Snapshot['users'], nowMs: number, isOn: boolean): string {
  const { text, note } = pathWords(device, isOn);
  const latency = latencyOf(device, useMeasured.getState()[device.id], nowMs);
  const parts = [
    cut(device.name, 60),
    presenceOf(device, nowMs, isOn).text,
    text === '—' ? '' : `${text} ${note}`.trim(),
    latency === undefined ? '' : latencyText(latency),
    cut(ownerText(device, users), 60),
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** Where packets go and how old the keys in use are; '' when nothing is in use. */
export function rowDescription({ path, lastHandshakeMs }: Device, nowMs: number): string {
  const parts = [
    path.via === '' ? '' : cut(path.via, 64),
    lastHandshakeMs === undefined || path.kind === 'none'
      ? ''
      : t('device.handshakeAt', { when: formatRelative(lastHandshakeMs, nowMs) }),
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

export function columnsOf({ marked, users, isOn, nowMs, pinned }: Around): readonly Column<Entry>[] {
  const column = (rest: Omit<Column<Entry>, 'cell'>, cell: Cell): Column<Entry> => ({
    ...rest,
    cell: (entry, isNarrow) => (entry.kind === 'device' ? cell(entry.device, isNarrow) : null),
  });
  return [
    column(
      { id: 'name', title: t('devices.column.name'), track: 'minmax(9rem, 2.2fr)', isSortable: true },
      (device, isNarrow) => (
        <div className="grid-two">
          <span className="device-name">
            <SystemIcon os={device.os} />
            <Link to={`/devices/${encodeURIComponent(device.id)}`} className="grid-name" isInGrid>
              <Marked text={cut(device.name, 80)} words={marked} />
            </Link>
            {pinned.has(device.id) ? <Pin aria-label={t('device.pinned')} className="device-pin" /> : null}
          </span>
          <span className="grid-note device-note">
            {isNarrow ? <NarrowNote {...{ device, nowMs, isOn }} /> : noteOf(device, nowMs)}
          </span>
        </div>
      ),
    ),
    column(
      {
        id: 'presence',
        title: t('devices.column.presence'),
        track: 'minmax(10rem, 1fr)',
        fromRem: 30,
        isSortable: true,
      },
      (device) => {
        const { tone, text } = presenceOf(device, nowMs, isOn);
        return <Status tone={tone}>{text}</Status>;
      },
    ),
    column(
      { id: 'path', title: t('devices.column.path'), track: 'minmax(9rem, 1fr)', fromRem: 40 },
      (device) => <PathCell {...{ device, isOn, nowMs }} />,
    ),
    column(
      {
        id: 'latency',
        title: t('devices.column.latency'),
        track: '6.75rem',
        fromRem: 46,
        isSortable: true,
      },
      (device) => <LatencyCell device={device} nowMs={nowMs} />,
    ),
    column(
      { id: 'address', title: t('devices.column.address'), track: 'minmax(8rem, 0.9fr)', fromRem: 34 },
      (device) => (
        <span className="mono numbers">
          <Marked text={ipv4Of(device) || addressOf(device)} words={marked} />
        </span>
      ),
    ),
    column(
      { id: 'owner', title: t('devices.column.owner'), track: 'minmax(6rem, 1.1fr)', fromRem: 58 },
      (device) => <Marked text={cut(ownerText(device, users), 80)} words={marked} />,
    ),
    column(
      {
        id: 'os',
        title: t('devices.column.os'),
        track: '6rem',
        fromRem: 66,
        isSortable: true,
      },
      (device) => cut(systemName(device.os), 20),
    ),
  ];
}

function noteOf(device: Device, nowMs: number): string {
  const marks = marksOf(device, nowMs).map((key) => t(key));
  if (marks.length > 0) return marks.join(' · ');
  return device.hostName.toLowerCase() === device.name.toLowerCase() ? '' : cut(device.hostName, 60);
}

function NarrowNote({
  device,
  nowMs,
  isOn,
}: {
  readonly device: Device;
  readonly nowMs: number;
  readonly isOn: boolean;
}): React.JSX.Element {
  const { tone, text } = presenceOf(device, nowMs, isOn);
  const path = pathWords(device, isOn).text;
  return <Status tone={tone}>{path === '—' ? text : `${text} · ${path}`}</Status>;
}

function PathCell({
  device,
  isOn,
  nowMs,
}: {
  readonly device: Device;
  readonly isOn: boolean;
  readonly nowMs: number;
}): React.JSX.Element {
  const { text, note } = pathWords(device, isOn);
  if (text === '—') return <span className="soft">—</span>;
  return (
    <span className="path-cell" title={rowDescription(device, nowMs)}>
      <PathMark shape={device.path.kind} />
      <span className="path-cell-text">
        {text}
        {note === '' ? null : <span className="soft"> · {note}</span>}
      </span>
    </span>
  );
}

function LatencyCell({
  device,
  nowMs,
}: {
  readonly device: Device;
  readonly nowMs: number;
}): React.JSX.Element {
  const measured = useMeasured((state) => state[device.id]);
  const latency = latencyOf(device, measured, nowMs);
  return <span className="numbers">{latency === undefined ? '' : latencyText(latency)}</span>;
}

function Marked({
  text,
  words,
}: {
  readonly text: string;
  readonly words: readonly string[];
}): React.JSX.Element {
  return (
    <bdi>
      {piecesOf(text, words).map((piece, n) =>
        piece.isMatch ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a text have no other name
          <mark key={n} className="found">
            {piece.text}
          </mark>
        ) : (
          piece.text
        ),
      )}
    </bdi>
  );
}
