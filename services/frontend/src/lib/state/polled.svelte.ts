/** Reads resources while a component is shown and the tab is looked at. Call it while the component is made. */
import type { Resource } from './resource.svelte';

export function polled(resources: readonly Pick<Resource<unknown>, 'refresh' | 'stop'>[], everyMs: number): void {
  $effect(() => {
    const read = (): void => resources.forEach((one) => void one.refresh());
    const seen = (): void => void (document.hidden || read());
    read();
    const timer = setInterval(seen, everyMs);
    document.addEventListener('visibilitychange', seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
      resources.forEach((one) => one.stop());
    };
  });
}
