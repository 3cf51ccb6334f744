import type { UpkeepDesk } from '../../src/http/deps-upkeep.js';

const CUTOFF = '2025-11-20T04:00:00.000000Z';

/** Upkeep with nothing to look after, but for what a test wants it to have. */
export function idleUpkeep(changes: Partial<UpkeepDesk> = {}): UpkeepDesk {
  return {
    cleanUp: async ({ dryRun }) => ({
      cutoff: CUTOFF,
      dry_run: dryRun,
      deleted: { calls: 0, clicks: 0, results: 0 },
      postponed: 0,
      duration_ms: 1,
    }),
    startBackup: async () => {
      throw new Error('there is nothing to back up');
    },
    backups: async () => [],
    backup: async () => null,
    openBackup: async () => null,
    removeBackup: async () => false,
    verifyBackup: async () => null,
    deadLetters: async () => ({ letters: [], next: null }),
    replayDeadLetter: async () => false,
    replayDeadLetters: async () => ({ replayed: 0, refused: 0 }),
    removeDeadLetter: async () => false,
    runs: async () => [],
    ...changes,
  };
}
