export type PlayerAction =
  | { kind: 'toggle' }
  | { kind: 'seek_by'; seconds: number }
  | { kind: 'seek_to'; share: number }
  | { kind: 'volume_by'; amount: number }
  | { kind: 'full_screen' }
  | { kind: 'mute' };

/** The volume, 0 to 1, after a press of a key: in steps of a twentieth. */
export function volume_after(volume: number, amount: number): number {
  return Math.min(1, Math.max(0, Math.round((volume + amount) * 20) / 20));
}

type Key = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey'>;

/**
 * What a key means to the player; null if it is none of its business. `target` is where the key went:
 * fields keep all keys, buttons and links those that press them.
 */
export function player_action(event: Key, target: Element | null): PlayerAction | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (target?.closest('input, textarea, select, [contenteditable], [role="dialog"], [role="menu"]')) return null;
  const pressable = target?.closest('button, a, [role="menuitem"]') != null;
  switch (event.key) {
    case ' ':
      return pressable ? null : { kind: 'toggle' };
    case 'k':
      return { kind: 'toggle' };
    case 'ArrowLeft':
      return { kind: 'seek_by', seconds: -5 };
    case 'ArrowRight':
      return { kind: 'seek_by', seconds: 5 };
    case 'j':
      return { kind: 'seek_by', seconds: -10 };
    case 'l':
      return { kind: 'seek_by', seconds: 10 };
    case 'ArrowUp':
      return { kind: 'volume_by', amount: 0.1 };
    case 'ArrowDown':
      return { kind: 'volume_by', amount: -0.1 };
    case 'Home':
      return { kind: 'seek_to', share: 0 };
    case 'End':
      return { kind: 'seek_to', share: 1 };
    case 'f':
      return { kind: 'full_screen' };
    case 'm':
      return { kind: 'mute' };
    default:
      return /^[0-9]$/.test(event.key) ? { kind: 'seek_to', share: Number(event.key) / 10 } : null;
  }
}
