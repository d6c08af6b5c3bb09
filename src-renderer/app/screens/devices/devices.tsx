/** All devices of the network, and beside or instead of them the page of one. */
import { t } from '../../i18n/text.ts';
import { Panes } from '../../shell/panes.tsx';
import { useApp } from '../../store/store.ts';
import { DevicePage } from '../device/device.tsx';
import { DeviceList } from './list.tsx';

/** `open`: the id of the device whose page is shown; '' = none. */
export function DevicesScreen({ open }: { readonly open: string }): React.JSX.Element {
  const isCompact = useApp(({ gui }) => gui.density === 'compact');
  return (
    <Panes
      list={<DeviceList open={open} isCompact={isCompact} />}
      detail={open === '' ? undefined : <DevicePage key={open} id={open} />}
      detailLabel={t('devices.page')}
    />
  );
}
