/** PostgreSQL is not there, or not yet. */
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../../helpers/drain.js';
import type { Fault } from './fault.js';

export const stopPostgres: Fault = {
  holdS: [1, 60],
  act: async ({ postgres, victim }, { choice, holdMs }) => {
    await postgres.stop();
    // A service that is killed meanwhile has to start without a database.
    if (choice < 0.3) {
      await victim.kill();
      await victim.start();
    } else if (choice < 0.5) {
      await victim.stop();
      await victim.start();
    }
    await delay(holdMs);
    await postgres.start();
    return `for ${holdMs} ms${choice < 0.5 ? ', the service started without it' : ''}`;
  },
};

/** It takes connections long before it answers. */
export const startSlowly: Fault = {
  holdS: [0.5, 10],
  act: async ({ postgres, proxy }, { holdMs }) => {
    await postgres.stop();
    proxy.hold();
    await postgres.start();
    await delay(holdMs);
    await proxy.admit();
    return `silent for ${holdMs} ms`;
  },
};

export const recoverPostgres: Fault = {
  holdS: [0, 0],
  act: async ({ postgres }) => {
    const begunAt = performance.now();
    await postgres.recover();
    const isOver = async (): Promise<boolean> => {
      const answer = await postgres
        .administer((client) => client.query<{ is: boolean }>('select pg_is_in_recovery() as is'))
        .catch(() => null);
      return answer?.rows[0]?.is === false;
    };
    await until(isOver, 60_000);
    return `in recovery for ${Math.round(performance.now() - begunAt)} ms`;
  },
};
