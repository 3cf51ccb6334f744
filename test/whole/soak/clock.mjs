/**
 * Preloaded into the service: at each SIGUSR2 its clock jumps back by an hour, or forth again. Plain JavaScript, because
 * it runs before anything else in a process that knows no TypeScript.
 */
const RealDate = Date;
const HOUR_MS = 60 * 60 * 1000;
let shiftMs = 0;

globalThis.Date = class Date extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + shiftMs);
    else super(...parts);
  }

  static now() {
    return RealDate.now() + shiftMs;
  }
};

process.on('SIGUSR2', () => {
  shiftMs = shiftMs === 0 ? -HOUR_MS : 0;
});
