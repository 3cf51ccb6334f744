import { setTimeout as sleep } from 'node:timers/promises';
import { countsOf } from './ingest-client.js';

const LOOK_EVERY_MS = 100;
const ASK_EVERY_MS = 5;

export async function untilReady(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/readyz`);
    await response.arrayBuffer();
    if (response.status === 200) return;
    await sleep(ASK_EVERY_MS);
  }
}

/** Events of the spool that are done with; 0 until the service has asked the database. */
export async function settledOf(url: string): Promise<number> {
  const { stored, duplicate, dead_letter } = await countsOf(url);
  return stored + duplicate + dead_letter;
}

/** Waits until so many are. @returns how many per second, from now on */
export async function settle(url: string, before: number, until: number): Promise<number> {
  const begin = performance.now();
  for (;;) {
    const settled = await settledOf(url);
    if (settled >= until) return (settled - before) / ((performance.now() - begin) / 1000);
    await sleep(LOOK_EVERY_MS);
  }
}
