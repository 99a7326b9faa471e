import { mount } from '@vue/test-utils';
import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defineComponent, h } from 'vue';
import { FakeWorld } from '../../tests/fakes';
import { environment, useViewer } from './live';

describe('useViewer', () => {
  beforeEach(() => setActivePinia(createPinia()));
  afterEach(() => vi.restoreAllMocks());

  it('watches again when the browser brings the page back from its cache', async () => {
    const world = new FakeWorld();
    Object.assign(environment, world.environment);
    let used: ReturnType<typeof useViewer> | undefined;
    const page = mount(
      defineComponent({
        setup() {
          used = useViewer('token', 'b1');
          used.viewer.value.start();
          return () => h('div');
        },
      }),
    );
    const shows = (persisted: boolean): void => {
      window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted }));
    };
    shows(false);
    expect(world.sockets).toHaveLength(1);
    window.dispatchEvent(new Event('pagehide'));
    expect(used?.state.value.phase).toBe('ended');
    shows(true);
    expect(world.sockets).toHaveLength(2);
    expect(used?.state.value.phase).toBe('connecting');
    page.unmount();
    expect(world.socket.disconnected_by_us).toBe(true);
    shows(true);
    expect(world.sockets).toHaveLength(2);
  });
});
