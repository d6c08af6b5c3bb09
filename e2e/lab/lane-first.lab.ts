/** Every quick scenario of the lab holds: the first lane. */
import { testLane } from './lane.ts';

testLane(0);
