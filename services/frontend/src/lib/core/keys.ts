/** Shortcuts without modifiers: single keys, and `g` followed by a letter within a moment. */

/** What a press of a key means: a name such as `o`, or `g o` for a sequence; null while it waits for the second key. */
export class KeySequence {
  private leader: { key: string; at: number } | null = null;

  constructor(
    private readonly leaders: readonly string[] = ['g'],
    private readonly withinMs = 1500,
  ) {}

  press(key: string, now: number): string | null {
    const led = this.leader;
    this.leader = null;
    if (led && now - led.at <= this.withinMs) return `${led.key} ${key}`;
    if (this.leaders.includes(key)) {
      this.leader = { key, at: now };
      return null;
    }
    return key;
  }
}

/** True where a key press writes text, and so is no shortcut. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !['checkbox', 'radio', 'button', 'range', 'submit'].includes(target.type);
  return target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName);
}
