/** Shortcuts that hold on every page, as the list shows them. Those of pages are in `navigation.ts`. */
export const shortcuts: readonly { keys: string; label: string }[] = [
  { keys: 'Ctrl+K', label: 'Command palette' },
  { keys: '/', label: 'Search posts' },
  { keys: '?', label: 'This list' },
  { keys: 'p', label: 'Pause and follow the posts' },
  { keys: 'j', label: 'Next post of a list' },
  { keys: 'k', label: 'Post before it' },
  { keys: 't', label: 'Light and dark theme' },
  { keys: 'Esc', label: 'Close what is open' },
];
