/** Light or dark: the system decides until the viewer does. */
const KEY = 'groundswell.theme';

class Theme {
  dark = $state(document.documentElement.dataset.theme === 'dark');

  toggle(): void {
    this.apply(!this.dark);
    try {
      localStorage.setItem(KEY, this.dark ? 'dark' : 'light');
    } catch {
      // Storage may be blocked: the choice then lasts until the page is left.
    }
  }

  /** Follows the system while the viewer has made no choice. Returns how to stop. */
  follow(): () => void {
    const system = matchMedia('(prefers-color-scheme: dark)');
    const change = (): void => {
      if (!this.chosen()) this.apply(system.matches);
    };
    system.addEventListener('change', change);
    return () => system.removeEventListener('change', change);
  }

  private chosen(): boolean {
    try {
      return localStorage.getItem(KEY) !== null;
    } catch {
      return false;
    }
  }

  private apply(dark: boolean): void {
    this.dark = dark;
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  }
}

export const theme = new Theme();
