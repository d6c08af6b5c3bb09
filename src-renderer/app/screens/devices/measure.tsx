/** Asks all devices that are there for an answer, four at a time, until it is told to stop. */
import { Radio, Square } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { Device } from '#shared/ui-state/types.ts';
import { announce } from '../../../ui/announce.tsx';
import { Button } from '../../../ui/button.tsx';
import { t } from '../../i18n/text.ts';
import { isLocationServer } from '../../lib/devices.ts';
import { pingAll } from '../../lib/ping.ts';
import { useApp } from '../../store/store.ts';

export function Measure({ devices }: { readonly devices: readonly Device[] }): React.JSX.Element {
  const bridge = useApp((state) => state.bridge);
  const [progress, setProgress] = useState<{ readonly done: number; readonly all: number }>();
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const start = async (): Promise<void> => {
    if (bridge === undefined) return;
    const ids = devices.filter((one) => one.isOnline && !isLocationServer(one)).map(({ id }) => id);
    const leave = new AbortController();
    stop.current = leave;
    setProgress({ done: 0, all: ids.length });
    await pingAll(bridge, ids, (done) => setProgress({ done, all: ids.length }), leave.signal);
    setProgress(undefined);
    if (!leave.signal.aborted) announce(t('devices.measured', { count: ids.length }));
  };
  if (progress === undefined)
    return (
      <Button icon={Radio} onPress={() => void start()}>
        {t('devices.measure')}
      </Button>
    );
  return (
    <Button icon={Square} onPress={() => stop.current?.abort()}>
      {t('devices.measuring', { done: progress.done, all: progress.all })}
    </Button>
  );
}
