/** One shared clock for every "12 s ago"; it stands still while the tab is hidden. */
class Clock {
  now = $state(Date.now());

  start(): () => void {
    const tick = (): void => {
      if (!document.hidden) this.now = Date.now();
    };
    const timer = setInterval(tick, 1000);
    document.addEventListener('visibilitychange', tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', tick);
    };
  }
}

export const time = new Clock();
