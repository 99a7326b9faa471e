// Runs before the first paint, so that a chosen theme never flashes the other one.
(function () {
  var theme = null;
  try {
    theme = localStorage.getItem('loopcast.theme');
  } catch (_) {
    // Storage can be forbidden; the system's theme is the answer then.
  }
  var dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.classList.toggle('dark', dark);
  // As --bg of styles/tokens.css; the app goes on with it.
  document.querySelector('meta[name="theme-color"]').setAttribute('content', dark ? '#0a1110' : '#eef3f0');
})();
