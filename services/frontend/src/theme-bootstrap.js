// Runs before the first paint: the viewer's choice, else the system's.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem('groundswell.theme');
  } catch (refused) {
    // Storage may be blocked; the system's choice is good enough.
  }
  var dark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
