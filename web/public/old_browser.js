// Tells a browser that is older than the oldest that the app is made for (see docs/OPERATIONS.md, "Browsers") so, where
// the app itself may not even start. Written for any browser that there is.
(function () {
  var css = window.CSS && CSS.supports;
  var known =
    'noModule' in document.createElement('script') &&
    typeof Object.hasOwn === 'function' &&
    'inert' in HTMLElement.prototype &&
    css &&
    CSS.supports('color', 'color-mix(in srgb, red, blue)');
  if (known) return;

  function say() {
    var languages = navigator.languages || [navigator.language || ''];
    var chosen = null;
    try {
      chosen = localStorage.getItem('loopcast.language');
    } catch (_) {
      // Storage can be forbidden; the browser's language is the answer then.
    }
    var zh = /^zh/i.test(chosen || languages[0] || '');
    var note = document.createElement('p');
    note.id = 'old-browser';
    note.setAttribute('role', 'alert');
    note.lang = zh ? 'zh-CN' : 'en';
    note.style.cssText = 'margin:0;padding:12px 20px;background:#fbeecb;color:#4a3200;font:15px/1.5 sans-serif';
    note.appendChild(
      document.createTextNode(
        zh
          ? '此浏览器版本过旧，Loopcast 可能无法正常使用。请更新浏览器：Chrome 或 Edge 111、Firefox 121、Safari 16.4 或更高版本。'
          : 'This browser is older than Loopcast needs, and parts of it may not work. Please update to Chrome or Edge 111, Firefox 121, Safari 16.4 or later.',
      ),
    );
    document.body.insertBefore(note, document.body.firstChild);
  }
  if (document.body) say();
  else document.addEventListener('DOMContentLoaded', say);
})();
