export { calls } from './calls.js';
export { callUsers, clicks } from './clicks.js';
export { results } from './results.js';
export { callStates } from './call-states.js';
export { deadLetters, drainBatches, spools } from './drain.js';
export { arbitrageCalls } from './arbitrage-calls.js';
export { upkeepRuns } from './upkeep-runs.js';
