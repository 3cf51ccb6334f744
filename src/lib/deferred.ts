/** A promise with its resolver beside it. (`Promise.withResolvers` needs Node 22.) */
export class Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;

  constructor() {
    let settle: (value: T) => void = () => undefined;
    this.promise = new Promise<T>((resolve) => {
      settle = resolve;
    });
    this.resolve = settle;
  }
}
