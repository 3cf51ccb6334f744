/**
 * Bounds the memory that request bodies take, all together. Bytes are taken as they arrive, not as they are
 * announced: a connection that announces much and sends little holds little.
 */
import { Problem } from '../errors.js';
import { BODY_BYTES_FOR_SMALL, MAX_BODY_BYTES_IN_FLIGHT, SMALL_BODY_BYTES } from '../limits.js';

export interface BudgetLimits {
  readonly totalBytes: number;
  /** Part of the total that is kept for leases of at most `smallBytes`. */
  readonly keptForSmallBytes: number;
  readonly smallBytes: number;
}

const DEFAULT_LIMITS: BudgetLimits = {
  totalBytes: MAX_BODY_BYTES_IN_FLIGHT,
  keptForSmallBytes: BODY_BYTES_FOR_SMALL,
  smallBytes: SMALL_BODY_BYTES,
};

export class BodyBudget {
  /** Sum of all leases not yet released: 0 ≤ usedBytes ≤ totalBytes. */
  #usedBytes = 0;
  #peakBytes = 0;

  constructor(readonly limits: BudgetLimits = DEFAULT_LIMITS) {}

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The most that was ever in use at once. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  lease(): BodyLease {
    return new BodyLease(this);
  }

  /** For leases only. */
  reserve(bytes: number, leaseBytes: number): boolean {
    const { totalBytes, keptForSmallBytes, smallBytes } = this.limits;
    const limit = leaseBytes > smallBytes ? totalBytes - keptForSmallBytes : totalBytes;
    if (this.#usedBytes + bytes > limit) return false;
    this.#usedBytes += bytes;
    if (this.#usedBytes > this.#peakBytes) this.#peakBytes = this.#usedBytes;
    return true;
  }

  /** For leases only. */
  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/** What one request holds of the budget. Whoever reads a body has it released when the bytes are no longer needed. */
export class BodyLease {
  #bytes = 0;
  #released = false;

  constructor(private readonly budget: BodyBudget) {}

  /** @throws Problem `busy` when the budget does not have them; what was taken before stays taken. */
  take(bytes: number): void {
    if (this.#released || !this.budget.reserve(bytes, this.#bytes + bytes)) throw new Problem('busy');
    this.#bytes += bytes;
  }

  /** Gives everything back; calling it again does nothing. */
  release(): void {
    this.#released = true;
    this.budget.giveBack(this.#bytes);
    this.#bytes = 0;
  }
}
