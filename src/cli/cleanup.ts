import { cleanup, countCleanup } from '../upkeep/tasks.js';
import { type Call, runCommand, UsageError, YES } from './upkeep/command.js';
import { withKeeping, withTarget } from './upkeep/database.js';

const help = `Deletes calls that were sent and received long ago, with their clicks and results, also while the service runs.

  npm run cleanup -- [options]

  --days-to-keep N   days of 24 hours before now, 1 to 36500; RETENTION_DAYS unless given
  --dry-run          count what would be deleted, and delete nothing

The database is DATABASE_URL, or the embedded one under DATA_DIR; other settings as for the service.
A database of an older version is brought up to date first, as a start of the service would.
Exit code: 0 done, 2 not, or not finished; the next one goes on.
`;

await runCommand({
  name: 'cleanup',
  help,
  flags: ['dry-run'],
  texts: ['days-to-keep'],
  run: async (call) => {
    const { config, flags, signal, say } = call;
    const daysToKeep = daysOf(call);
    return withTarget(config, false, (target) =>
      withKeeping(target, config, signal, async (keeping) => {
        const isDryRun = flags.has('dry-run');
        const { cutoff, deleted, stopped } = isDryRun
          ? await countCleanup(keeping, daysToKeep)
          : await cleanup(keeping, { daysToKeep, deadLetterDays: 0, trigger: 'manual' });
        say(`cutoff   ${cutoff}`);
        const { calls, clicks, results } = deleted;
        say(`${isDryRun ? 'to go   ' : 'deleted '} ${calls} calls, ${clicks} clicks, ${results} results`);
        if (stopped) throw new Error('stopped before the end');
        return YES;
      }),
    );
  },
});

function daysOf({ config, texts }: Call): number {
  const text = texts.get('days-to-keep') ?? String(config.retentionDays);
  const days = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (days >= 1 && days <= 36_500) return days;
  throw new UsageError(
    texts.has('days-to-keep')
      ? `--days-to-keep is a whole number from 1 to 36500, not "${text}"`
      : 'RETENTION_DAYS is 0, calls are kept for ever: say --days-to-keep',
  );
}
