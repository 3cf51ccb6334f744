/** What the commands of upkeep have in common: options, help, signals and exit codes. */
import { parseArgs } from 'node:util';
import { type Config, ConfigError, readConfig } from '../../config/config.js';
import { messageOf } from '../../lib/errors.js';
import { createProgress, type Progress } from './progress.js';

/** The answer to the question is yes, or it is done; the answer is no; it could not be found out, or done. */
export const YES = 0;
export const NO = 1;
export const FAILED = 2;

export interface Command {
  readonly name: string;
  readonly help: string;
  /** Options that are there or not. */
  readonly flags?: readonly string[];
  /** Options with a value. */
  readonly texts?: readonly string[];
  /** At most so many arguments that are no options. */
  readonly maxArguments?: number;
  /** @returns the exit code */
  readonly run: (call: Call) => Promise<number>;
}

export interface Call {
  readonly config: Config;
  readonly flags: ReadonlySet<string>;
  readonly texts: ReadonlyMap<string, string>;
  readonly words: readonly string[];
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** A line of the answer. */
  readonly say: (line: string) => void;
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Runs the command of this process. */
export async function runCommand(command: Command): Promise<void> {
  process.exitCode = await codeOf(command);
}

async function codeOf(command: Command): Promise<number> {
  const stop = new AbortController();
  const progress = createProgress(process.stderr);
  try {
    const options = parse(command, process.argv.slice(2));
    if (options === 'help') {
      process.stdout.write(command.help);
      return YES;
    }
    const config = readConfig();
    stopOnSignals(stop, progress);
    return await command.run({
      ...options,
      config,
      progress,
      signal: stop.signal,
      say: (line) => {
        progress.end();
        process.stdout.write(`${line}\n`);
      },
    });
  } catch (error) {
    const hint = error instanceof UsageError || error instanceof ConfigError ? '\n--help tells more.' : '';
    progress.end();
    process.stderr.write(
      `${command.name}: ${stop.signal.aborted ? 'stopped on request' : messageOf(error)}${hint}\n`,
    );
    return FAILED;
  }
}

function parse(
  { flags = [], texts = [], maxArguments = 0 }: Command,
  args: readonly string[],
): Pick<Call, 'flags' | 'texts' | 'words'> | 'help' {
  const { values, positionals: words } = parsed(args, flags, texts);
  if (values.help) return 'help';
  const unexpected = words[maxArguments];
  if (unexpected !== undefined) throw new UsageError(`what is "${unexpected}"?`);
  const given: [string, unknown][] = Object.entries(values);
  return {
    words,
    flags: new Set(given.filter(([, value]) => value === true).map(([name]) => name)),
    texts: new Map(given.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : []))),
  };
}

function parsed(args: readonly string[], flags: readonly string[], texts: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...Object.fromEntries(flags.map((name) => [name, { type: 'boolean' as const }])),
        ...Object.fromEntries(texts.map((name) => [name, { type: 'string' as const }])),
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** The first signal ends what is under way at its next safe point, the second one does not wait for that. */
function stopOnSignals(stop: AbortController, progress: Progress): void {
  const onSignal = (): void => {
    if (stop.signal.aborted) {
      progress.end();
      process.exit(FAILED);
    }
    progress.note('Stopping; again to stop at once.');
    stop.abort(new Error('stopped on request'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}
