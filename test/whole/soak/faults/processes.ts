/** Processes that are killed, stopped, started twice, frozen, or live in another time. */
import { setTimeout as delay } from 'node:timers/promises';
import { signal } from '../../../../src/store/cluster/processes.js';
import { messageOf } from '../../../../src/lib/errors.js';
import { SERVICES } from '../database-server.js';
import type { Fault } from './fault.js';

const AT_ONCE = [0, 0] as const;
/** A service that is killed again may be anywhere in its start. */
const AGAIN_WITHIN_MS = 500;

export const killService: Fault = {
  holdS: AT_ONCE,
  act: async ({ victim }, { choice }) => {
    await victim.kill();
    await victim.start();
    if (choice > 0.4) return 'once';
    await delay(choice * AGAIN_WITHIN_MS);
    await victim.kill();
    await victim.start();
    return 'twice';
  },
};

export const killPostmaster: Fault = {
  holdS: AT_ONCE,
  act: async ({ postgres }) => {
    await postgres.kill();
    return 'the main process';
  },
};

export const killBackend: Fault = {
  holdS: AT_ONCE,
  act: async ({ postgres }) => {
    const { rows } = await postgres.administer((client) =>
      client.query<{ pid: number }>(
        `select pid from pg_stat_activity where application_name like $1
         order by state = 'active' desc, application_name = 'call-logger drain' desc limit 1`,
        [SERVICES],
      ),
    );
    const [backend] = rows;
    return backend !== undefined && signal(backend.pid, 'SIGKILL') ? 'one' : 'there was none';
  },
};

export const killBoth: Fault = {
  holdS: AT_ONCE,
  act: async ({ postgres, victim }) => {
    await Promise.all([postgres.kill(), victim.kill()]);
    await victim.start();
    return 'service and PostgreSQL';
  },
};

export const stopService: Fault = {
  holdS: AT_ONCE,
  act: async ({ victim }) => {
    await victim.stop();
    await victim.start();
    return 'SIGTERM under load';
  },
};

export const startSecondService: Fault = {
  holdS: AT_ONCE,
  act: async ({ survivor, problems }) => {
    try {
      const second = await survivor.startAnother();
      problems.add('two services on one directory', survivor.dataDir);
      await second.end('SIGKILL');
      return 'it started';
    } catch (error) {
      const isRefusal = messageOf(error).includes('another process is using the directory');
      if (!isRefusal) problems.add('second service fails otherwise', messageOf(error));
      return 'it was refused';
    }
  },
};

export const turnClockBack: Fault = {
  holdS: [0.5, 5],
  act: async ({ victim, survivor }, { choice, holdMs }) => {
    const service = choice < 0.5 ? victim : survivor;
    service.turnClock();
    await delay(holdMs);
    service.turnClock();
    return `an hour, at ${service.name}`;
  },
};

export const freezePostgres: Fault = {
  holdS: [0.2, 8],
  act: async ({ postgres }, { holdMs }) => {
    postgres.freeze();
    await delay(holdMs);
    postgres.thaw();
    return `for ${holdMs} ms`;
  },
};
