import type { Segment } from './segment.js';

interface Extent {
  readonly segment: Segment;
  /** Offset in the segment's file of the first byte. */
  readonly from: number;
  readonly bytes: Buffer;
}

/** The bytes written last, so that a reader that keeps up never reads the disk. */
export class TailCache {
  // In the order written: ascending by base, then by offset; each holds whole records.
  readonly #extents: Extent[] = [];
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  add(segment: Segment, from: number, bytes: Buffer): void {
    this.#extents.push({ segment, from, bytes });
    this.#bytes += bytes.length;
    let dropped = 0;
    while (this.#bytes > this.maxBytes) {
      this.#bytes -= this.#extents[dropped]?.bytes.length ?? 0;
      dropped++;
    }
    if (dropped > 0) this.#extents.splice(0, dropped);
  }

  /** The cached bytes from this offset on, as far as they lie together; undefined when they are not here. */
  find(segment: Segment, offset: number): Buffer | undefined {
    let low = 0;
    let high = this.#extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const extent = this.#extents[middle];
      if (!extent) return undefined;
      const before =
        extent.segment === segment
          ? extent.from + extent.bytes.length <= offset
          : extent.segment.base < segment.base;
      if (before) low = middle + 1;
      else high = middle;
    }
    const extent = this.#extents[low];
    return extent?.segment === segment && extent.from <= offset
      ? extent.bytes.subarray(offset - extent.from)
      : undefined;
  }
}
