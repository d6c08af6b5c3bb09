/** Every quick scenario of the lab holds: the second lane. */
import { testLane } from './lane.ts';

testLane(1);
