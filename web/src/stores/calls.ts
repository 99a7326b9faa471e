import { defineStore } from 'pinia';
import { computed, markRaw, ref, shallowReactive, shallowRef, watch } from 'vue';
import type { PresenceState, User } from '@/api/types';
import type { DeviceUse } from '@/calls/media';
import { tab_memory } from '@/calls/memory';
import type { CallPhase, CallState } from '@/calls/state';
import { Telephone } from '@/calls/telephone';
import { read_count, read_presence } from '@/calls/wire';
import { environment as live_environment, on_better_times } from '@/composables/live';
import { missing_webrtc } from '@/live/support';
import { kResolutions, type DeviceChoice, type Resolution } from '@/live/devices';
import { useConnection } from './connection';
import { useSession } from './session';
import { read_stored } from './storage';

/** People whose state is known; the oldest is forgotten first. */
const kMaxKnown = 2000;

/** The devices that the live page was last used with. */
function preferred_devices(): DeviceChoice {
  const stored = read_stored('loopcast.resolution') ?? '';
  return {
    camera: read_stored('loopcast.camera') ?? '',
    microphone: read_stored('loopcast.microphone') ?? '',
    resolution: stored in kResolutions ? (stored as Resolution) : '720p',
  };
}

/** The telephone of this page, who can be reached, and how many calls were missed. */
export const useCalls = defineStore('calls', () => {
  const session = useSession();
  const connection = useConnection();
  const missed = ref(0);
  const presence = shallowReactive(new Map<string, PresenceState>());
  /** When the line last told of somebody; a list that was asked for before that knows less. */
  const told_at = new Map<string, number>();
  /** The call's window is a small one, so that the rest of the app can be used. */
  const small = ref(false);
  /** Goes up whenever the history has probably changed. */
  const changes = ref(0);

  let changed: (state: CallState) => void = () => {};
  // Reactive as a whole it would not know its own parts again.
  const telephone = markRaw(
    new Telephone(
      {
        ...live_environment,
        say: (event, payload) => connection.say(event, payload),
        token: () => session.token ?? '',
        choice: preferred_devices,
        memory: tab_memory,
      },
      (next) => changed(next),
    ),
  );
  const state = shallowRef<CallState>(telephone.state);
  changed = (next) => {
    const ended = next.phase !== state.value.phase && (next.phase === 'ended' || next.phase === 'idle');
    state.value = next;
    if (!telephone.engaged) small.value = false;
    if (ended) changes.value += 1;
  };

  /** Hears the line from now on. To be called before the line is opened. */
  function follow(): void {
    connection.listen('connect', () => telephone.line_is_back());
    connection.listen('disconnect', () => telephone.line_is_away());
    // A page that could not answer does not ring; the user's other pages and devices do.
    if (missing_webrtc() === null) connection.listen('call', (payload) => telephone.on_ring(payload));
    connection.listen('callstate', (payload) => telephone.on_snapshot(payload));
    connection.listen('callaccepted', (payload) => telephone.on_accepted(payload));
    connection.listen('callrejected', (payload) => telephone.on_rejected(payload));
    connection.listen('callerror', (payload) => telephone.on_error(payload));
    connection.listen('callended', (payload) => {
      telephone.on_ended(payload);
      changes.value += 1;
    });
    connection.listen('missed', (payload) => {
      missed.value = read_count(payload);
      changes.value += 1;
    });
    connection.listen('presence', (payload) => {
      const news = read_presence(payload);
      if (news === null) return;
      told_at.set(news.user.id, performance.now());
      know(news.user.id, news.state);
    });
    watch(
      () => session.token,
      (token) => {
        if (token !== null) return;
        telephone.drop();
        missed.value = 0;
        presence.clear();
        told_at.clear();
      },
      { flush: 'sync' },
    );
    on_better_times(() => telephone.hurry());
    navigator.mediaDevices?.addEventListener('devicechange', () => void telephone.presenter?.devices_changed());
  }

  /** `asked_at` (of performance.now()): when a list that says so was asked for. */
  function know(id: string, how: PresenceState, asked_at = Infinity): void {
    if (asked_at < (told_at.get(id) ?? -Infinity)) return;
    presence.delete(id);
    presence.set(id, how);
    if (presence.size <= kMaxKnown) return;
    for (const oldest of presence.keys()) {
      presence.delete(oldest);
      told_at.delete(oldest);
      break;
    }
  }

  function call(user: User, use: DeviceUse = 'camera'): void {
    performance.clearMarks('call-click');
    performance.mark('call-click');
    telephone.call(user, use);
  }

  function answer(use: DeviceUse = 'camera'): void {
    performance.clearMarks('call-answer');
    performance.mark('call-answer');
    telephone.answer(use);
  }

  function see_missed(): void {
    if (missed.value > 0) connection.say('seenmissed');
  }

  /** It rang here, and nobody answered in time. */
  const missed_here = computed(() => {
    const { phase, role, accepted, ended_here, reason } = state.value;
    return phase === 'ended' && role === 'callee' && !accepted && !ended_here && reason !== 'error';
  });
  const shown = computed(
    () => !missed_here.value && !(['idle', 'incoming', 'elsewhere'] as CallPhase[]).includes(state.value.phase),
  );

  return {
    state,
    small,
    missed_here,
    /** The call's window is open. */
    shown,
    /** Another call cannot be begun now, or never in this browser. */
    telephone_engaged: computed(
      () => missing_webrtc() !== null || !(['idle', 'ended'] as CallPhase[]).includes(state.value.phase),
    ),
    /** It lies over everything else. */
    covering: computed(() => shown.value && !small.value),
    missed,
    presence,
    changes,
    telephone,
    preferred_devices,
    phase: computed(() => state.value.phase),
    follow,
    know,
    call,
    answer,
    see_missed,
  };
});
