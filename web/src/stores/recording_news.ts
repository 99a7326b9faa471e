import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import { recording_news, type RecordingNews } from '@/api/recordings';
import { useConnection } from './connection';

const kRemembered = 50;

/** What the server tells about the user's own recordings, while it happens. */
export const useRecordingNews = defineStore('recording_news', () => {
  const connection = useConnection();
  /** The last event, a new object each time: watch it with `flush: 'sync'`, events may come in one go. */
  const last = shallowRef<RecordingNews | null>(null);
  const latest = new Map<string, RecordingNews>();

  /** To be called once, before the connection follows the session. */
  function follow(): void {
    connection.listen('recording', (data) => {
      const news = recording_news(data);
      if (news === null) return;
      latest.delete(news.id);
      latest.set(news.id, news);
      for (const oldest of latest.keys()) {
        if (latest.size <= kRemembered) break;
        latest.delete(oldest);
      }
      last.value = news;
    });
  }

  /** The last that was heard of that one. */
  function of(id: string): RecordingNews | null {
    return latest.get(id) ?? null;
  }

  return { last, of, follow };
});
