import { vi } from 'vitest';
import type { Recording } from '@/api/recordings';

export function recording(change: Partial<Recording> = {}): Recording {
  return {
    id: 'r1',
    user: { id: 'u1', nickname: '小雨', avatar: '' },
    title: 'By the sea',
    started_at: '2026-05-20T10:00:00Z',
    duration: 100,
    width: 1280,
    height: 720,
    video_codec: 'h264',
    audio_codec: 'opus',
    bytes: 1_500_000,
    location: 'Lyon',
    comments: '',
    visibility: 'public',
    state: 'ready',
    mine: true,
    url: '/media/r1.mp4?s=1',
    download_url: '/media/r1.mp4?s=1&download=1',
    thumbnail: '/media/r1.jpg?s=1',
    sprite: null,
    ...change,
  };
}

/** A server that holds these recordings, and writes down what it is asked. */
export function serve(recordings: Recording[], total?: number): { asked: string[]; refuse: Map<string, [number, string]> } {
  const asked: string[] = [];
  const refuse = new Map<string, [number, string]>();
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const request = `${init.method} ${url.replace('/api/v2', '')}`;
    asked.push(request);
    const refusal = refuse.get(request.split('?')[0] ?? '');
    if (refusal !== undefined) return new Response(JSON.stringify({ code: refusal[1] }), { status: refusal[0] });
    const answer = (body: unknown): Response => new Response(JSON.stringify(body));
    if (url.includes('/usage')) return answer({ bytes: 95, count: recordings.length, limit_bytes: 100, seconds: 60, limit_seconds: null });
    const name = /recordings\/(\w+)$/.exec(url)?.[1];
    if (name === undefined) {
      const page = Number(new URL(url, 'http://a').searchParams.get('page'));
      return answer({ recordings, page, size: 24, total: total ?? recordings.length });
    }
    const index = recordings.findIndex((one) => one.id === name);
    const found = recordings[index];
    if (found === undefined) return new Response(JSON.stringify({ code: 'not_found' }), { status: 404 });
    if (init.method === 'DELETE') {
      recordings.splice(index, 1);
      return new Response(null, { status: 204 });
    }
    if (init.method === 'PATCH') Object.assign(found, JSON.parse(String(init.body)));
    return answer(found);
  });
  return { asked, refuse };
}
