/** Moving through the posts on screen with the keyboard. */

/** Focuses the post `step` places after the one that has the focus, or the first one in sight. */
export function stepPost(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main article')].filter((row) => row.getClientRects().length > 0);
  const current = rows.findIndex((row) => row.contains(document.activeElement));
  const inSight = rows.findIndex((row) => row.getBoundingClientRect().bottom > 80);
  const next = rows[current < 0 ? Math.max(inSight, 0) : Math.min(Math.max(current + step, 0), rows.length - 1)];
  if (!next) return;
  next.tabIndex = -1;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}
