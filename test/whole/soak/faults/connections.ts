/** The way to PostgreSQL is closed, full, or swallows what is said. */
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { CommitFate } from '../../../helpers/proxy.js';
import { settlesWithin } from '../../../../src/lib/deadline.js';
import type { Fault } from './fault.js';

export const closePort: Fault = {
  holdS: [0.2, 10],
  act: async ({ proxy }, { holdMs }) => {
    proxy.refuse();
    proxy.cut();
    await delay(holdMs);
    await proxy.admit();
    return `for ${holdMs} ms`;
  },
};

const NOBODY_BUT_US = 'local all postgres trust\nlocal all all reject\n';

export const rejectRole: Fault = {
  holdS: [0.2, 10],
  act: async ({ postgres }, { holdMs }) => {
    const putBack = await postgres.admitOnly(NOBODY_BUT_US);
    await postgres.disconnectServices();
    await delay(holdMs);
    await putBack();
    return `for ${holdMs} ms`;
  },
};

/** Found out by the limit of a query at the client, 35 s. */
export const silenceConnections: Fault = {
  holdS: [0, 0],
  act: async ({ proxy }) => {
    proxy.silence();
    return 'those open at the time';
  },
};

const FATES: readonly CommitFate[] = ['lost_answer', 'lost_request', 'lost_answer', 'lost_request'];
const COMMITS_WITHIN_MS = 10_000;

export const loseCommits: Fault = {
  holdS: [0, 0],
  act: async ({ proxy }, { choice }) => {
    const begunAt = performance.now();
    proxy.fates.push(...FATES, choice < 0.1 ? 'hung_answer' : 'lost_answer');
    while (proxy.fates.length > 0 && performance.now() - begunAt < COMMITS_WITHIN_MS) await delay(5);
    const left = proxy.fates.splice(0).length;
    return `${FATES.length + 1 - left} of them`;
  },
};

/** As a service would: beyond them only superusers find a place. */
export const takeAllConnections: Fault = {
  holdS: [0.5, 8],
  act: async ({ postgres }, { holdMs }) => {
    const taken: pg.Client[] = [];
    const over = performance.now() + holdMs;
    let isFirst = true;
    while (performance.now() < over) {
      const client = await postgres.connect('call_logger').catch(() => null);
      if (client !== null) taken.push(client);
      else if (isFirst) {
        // Now the services lose theirs, and have to compete with us for them.
        isFirst = false;
        await postgres.disconnectServices();
      } else await delay(5);
    }
    await settlesWithin(Promise.all(taken.map((client) => client.end())), 5_000);
    return `${taken.length} taken`;
  },
};
