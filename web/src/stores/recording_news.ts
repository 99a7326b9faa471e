import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import { recording_news, type RecordingNews } from '@/api/recordings';
import { useConnection } from './connection';

/** What the server tells about the user's own recordings, while it happens. */
export const useRecordingNews = defineStore('recording_news', () => {
  const connection = useConnection();
  /** The last event, a new object each time: watch it with `flush: 'sync'`, events may come in one go. */
  const last = shallowRef<RecordingNews | null>(null);

  /** To be called once, before the connection follows the session. */
  function follow(): void {
    connection.listen('recording', (data) => {
      const news = recording_news(data);
      if (news !== null) last.value = news;
    });
  }

  return { last, follow };
});
