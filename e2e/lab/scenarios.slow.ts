/** Every slow scenario of the lab holds. */
import { scenarios } from './catalogue.ts';
import { testThat } from './scenario-tests.ts';

testThat(scenarios.filter(({ isSlow }) => isSlow === true));
