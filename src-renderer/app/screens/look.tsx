/** Sections that show the network and this device: devices, diagnostics, settings. */
import { Laptop } from 'lucide-react';
import { t } from '../i18n/text.ts';
import type { Section } from '../shell/section.ts';
import { DevicesScreen } from './devices/devices.tsx';

export const LOOK: readonly Section[] = [
  {
    id: 'devices',
    path: '/devices',
    title: () => t('devices.title'),
    icon: Laptop,
    place: 2,
    render: (rest) => <DevicesScreen open={rest} />,
  },
];
