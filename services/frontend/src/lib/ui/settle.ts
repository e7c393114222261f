/** Puts new rows above a list in two steps, so that what stands there moves by a transform only. */

/**
 * An attachment for the box that holds the rows. In the frame that lays the new rows out, the box is
 * shifted up by their height, so that nothing moves; the next frame lets go. Browsers count a change
 * of layout as a shift of the page, and lay the whole list out for it; a transform is neither.
 */
export function settle(box: HTMLElement): () => void {
  let top: Element | null = box.firstElementChild;
  let frame = 0;
  const moved = new MutationObserver(() => {
    const before = top;
    top = box.firstElementChild;
    if (!before?.isConnected || before === top) return;
    const height = before.getBoundingClientRect().top - box.getBoundingClientRect().top;
    box.style.transform = `translateY(${-height}px)`;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => (box.style.transform = ''));
    });
  });
  moved.observe(box, { childList: true });
  return () => {
    moved.disconnect();
    cancelAnimationFrame(frame);
  };
}
