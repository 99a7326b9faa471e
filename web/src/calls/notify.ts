/** Whether this browser can show notifications, and whether it may or has to be asked. */
export function notification_permission(): NotificationPermission | 'unsupported' {
  return typeof Notification === 'undefined' ? 'unsupported' : Notification.permission;
}

/** Says so outside the page if that may be done and the page is not looked at. Answers what takes it back. */
export function notify(title: string, body: string, icon: string, tag: string): () => void {
  if (notification_permission() !== 'granted' || document.visibilityState === 'visible') return () => {};
  try {
    const shown = new Notification(title, { body, tag, requireInteraction: true, ...(icon === '' ? {} : { icon }) });
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
    return () => shown.close();
  } catch {
    // Telephones allow them only from a service worker.
    return () => {};
  }
}
