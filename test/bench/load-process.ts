/** Makes the load: single calls over some connections that are kept open. */
import { closedLoop } from './load-closed.js';
import type { LoadRequest, LoadResult } from './load.js';
import { openLoop } from './load-open.js';

async function run(request: LoadRequest): Promise<LoadResult> {
  const { ratePerS } = request;
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const result = await (ratePerS === undefined ? closedLoop(request) : openLoop(request, ratePerS));
  const { user, system } = process.cpuUsage(cpu);
  return { ...result, cpuPercent: (user + system) / 10 / (performance.now() - begin) };
}

process.on('message', (request: LoadRequest) => {
  void run(request).then((result) => process.send?.(result));
});
