/** A lab that does nothing until it is killed: what the test of the sweep needs. Prints its id and a process in it. */
import { Lab } from '../lab.ts';

const lab = await Lab.open();
const host = await lab.addHost('a', { on: [await lab.addSwitch('lan')] });
const child = host.spawn({ name: 'sleep', argv: ['sleep', '600'] });
console.log(`${lab.run.id} ${child.pid}`);
