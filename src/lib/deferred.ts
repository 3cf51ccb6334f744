/** A promise with what settles it beside it. (`Promise.withResolvers` needs Node 22.) */
export class Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;

  constructor() {
    let resolve: (value: T) => void = () => undefined;
    let reject: (error: Error) => void = () => undefined;
    this.promise = new Promise<T>((...settlers) => {
      [resolve, reject] = settlers;
    });
    this.resolve = resolve;
    this.reject = reject;
  }
}
