/** Calls something at most once per stretch of time; calls in between join the next one. */
export class Spacing {
  private last = -Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly everyMs: number,
    private readonly call: () => void,
  ) {}

  /** As soon as the spacing allows. */
  soon(): void {
    if (this.timer !== undefined) return;
    const wait = Math.max(0, this.last + this.everyMs - Date.now());
    if (wait === 0) this.now();
    else this.timer = setTimeout(() => this.now(), wait);
  }

  /** At once, whatever the spacing. */
  now(): void {
    this.stop();
    this.last = Date.now();
    this.call();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
