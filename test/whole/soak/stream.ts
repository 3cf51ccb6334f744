import type { Body } from '../../helpers/events.js';
import { spoiled } from './bad-events.js';
import { Random } from './random.js';
import { type Form, FORMS, type Item, type PlannedRequest, SINGLE_FORMS } from './requests.js';
import { type PlannedEvent, type Scene, type Script, sceneOf } from './scene.js';

/** Scenes are told over so many of the scenes after them: clicks and results pass their call. */
const SPREAD = 12;
/** Some things are said again much later: after restarts, and when all is in the store for long. */
const LATE_SPREAD = 3_000;
const MAX_BATCH = 60;

/** The requests of a run in their order, made from the script alone; who sends which, and when, is for the senders. */
export class Stream {
  readonly #random: Random;
  /** What is to be said once so many scenes have begun. */
  readonly #due = new Map<number, Item[]>();
  #ready: Item[] = [];
  #scenes = 0;

  constructor(private readonly script: Script) {
    this.#random = new Random(script.seed, 'stream');
  }

  /** Scenes begun so far; those of lower numbers are all that anything was said about. */
  get scenes(): number {
    return this.#scenes;
  }

  next(): PlannedRequest {
    const random = this.#random;
    const form = random.chance(0.5) ? 'single' : random.pick(FORMS);
    return {
      form,
      items: this.#take(sizeOf(form, random)),
      isWaiting: random.chance(0.1),
      isPersistent: random.chance(0.8),
      isKeyed: random.chance(0.3),
    };
  }

  #take(count: number): Item[] {
    while (this.#ready.length < count) this.#begin(sceneOf(this.script, this.#scenes));
    return this.#ready.splice(0, count);
  }

  #begin(scene: Scene): void {
    const now = this.#scenes++;
    // Of some calls nobody ever hears; what belongs to them waits in the store.
    const isSilent = this.#random.chance(0.02);
    for (const event of scene.events) if (event.type !== 'call' || !isSilent) this.#plan(event, now);
    const due = this.#due.get(now) ?? [];
    this.#due.delete(now);
    this.#ready.push(...this.#random.shuffled(due));
  }

  #plan(event: PlannedEvent, now: number): void {
    const random = this.#random;
    for (const [variant, body] of event.variants.entries()) {
      this.#later(now, SPREAD, { event, variant, body });
      while (random.chance(0.15)) this.#later(now, SPREAD, { event, variant, body: respelled(random, body) });
      if (random.chance(0.03)) this.#later(now, LATE_SPREAD, { event, variant, body });
    }
    if (random.chance(0.05)) {
      const body = spoiled(random, event.variants[0], now);
      this.#later(now, SPREAD, { event: null, body, isTorn: random.chance(0.3) });
    }
  }

  #later(now: number, spread: number, item: Item): void {
    const at = now + this.#random.integer(0, spread);
    const due = this.#due.get(at);
    if (due === undefined) this.#due.set(at, [item]);
    else due.push(item);
  }
}

function sizeOf(form: Form, random: Random): number {
  if (SINGLE_FORMS.has(form)) return 1;
  return random.chance(0.1) ? random.integer(1, MAX_BATCH * 5) : random.integer(1, MAX_BATCH);
}

/** The same said in other words: names in another order, absent as null, times with another offset. */
function respelled(random: Random, body: Body): Body {
  const words = Object.entries(body).map(([name, value]): [string, unknown] => [name, elsewhere(value)]);
  return { ...Object.fromEntries(random.shuffled(words)), ...(body['type'] === 'click' && nullUser(body)) };
}

function nullUser(body: Body): Body {
  return { user_id: body['user_id'] ?? null };
}

function elsewhere(value: unknown): unknown {
  const isTime = typeof value === 'string' && /^\d{4}-\d\d-\d\dT.*Z$/.test(value);
  return isTime ? value.replace(/Z$/, '+00:00') : value;
}
