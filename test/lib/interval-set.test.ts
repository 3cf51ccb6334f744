import fc from 'fast-check';
import t from 'tap';
import { IntervalSet } from '../../src/lib/interval-set.js';

t.test('behaves as a plain set of integers, whatever is added in whatever order', async (t) => {
  const interval = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: -2, max: 12 }));
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 40 }), (intervals) => {
      const set = new IntervalSet();
      const model = new Set<number>();
      for (const [first, length] of intervals) {
        const before = model.size;
        for (let value = first; value < first + length; value++) model.add(value);
        if (set.add(first, first + length - 1) !== model.size - before) return false;
        if (set.size !== model.size) return false;
      }
      for (let value = 0; value < 80; value++) {
        let missing = value;
        while (model.has(missing)) missing++;
        if (set.has(value) !== model.has(value) || set.nextMissing(value) !== missing) return false;
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass();
});
