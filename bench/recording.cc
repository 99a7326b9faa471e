// What recording costs: the processor for one broadcast of 2.5 Mbit/s, a hundred of them at once in
// real time, and the time from the stop of an hour's recording to a file that plays.
#include "record/recording.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

#include "net/clock.h"
#include "record/finish.h"
#include "record/measure.h"
#include "record/record_testing.h"
#include "record/recording_file.h"
#include "server/recording_thread.h"

using namespace loopcast;
namespace fs = std::filesystem;

namespace {

// 2.5 Mbit/s: 30 pictures a second would be 10.1 kB each; 25 are 12.1 kB.
record::SyntheticPresenter::Options broadcast(wire::Codec codec) {
  return {.codec = codec, .keyframe_bytes = 60'000, .frame_bytes = 11'900};
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double elapsed(Instant since) { return (net::now() - since).as_seconds(); }

// As fast as it goes: batches, depacketising, fragments, writes. Less what making the packets
// costs.
void one_hour(const std::string& folder, wire::Codec codec) {
  constexpr int kTicks = 3600 * 50;
  double making;
  {
    record::SyntheticPresenter presenter(broadcast(codec), Instant::from_us(1'000'000));
    const double before = cpu_seconds();
    size_t bytes = 0;
    for (int i = 0; i < kTicks; ++i) bytes += presenter.next(1).bytes.size();
    making = cpu_seconds() - before;
    std::printf("%s: %.2f Mbit/s\n", std::string(wire::codec_name(codec)).c_str(),
                static_cast<double>(bytes) * 8 / 3600 / 1e6);
  }
  record::RecordingCounters counters;
  record::Recording recording(counters);
  record::RecordingFile file(folder, "hour");
  record::SyntheticPresenter presenter(broadcast(codec), Instant::from_us(1'000'000));
  Instant now = presenter.now();
  recording.take(now, presenter.describe(1));
  const double before = cpu_seconds();
  for (int i = 0; i < kTicks; ++i) {
    const auto batch = presenter.next(1);
    now = batch.at;
    recording.take(now, batch);
    if (!record::write_output(now, recording, file)) std::exit(1);
  }
  const double cpu = cpu_seconds() - before - making;
  std::printf("  processor: %.3f %% of a core for one broadcast\n", cpu / 3600 * 100);
  // As the server does each second.
  if (const int fd = file.take_unsynced(); fd >= 0) {
    ::fdatasync(fd);
    ::close(fd);
  }
  const double cpu_at_stop = cpu_seconds();
  const Instant stop = net::now();
  recording.finish(now);
  if (!record::write_output(now, recording, file)) std::exit(1);
  const auto finished = record::finish(folder, "hour");
  const double took = elapsed(stop);
  const double finish_cpu = cpu_seconds() - cpu_at_stop;
  if (!finished) std::exit(1);
  const auto measured = record::measure(finished->path, finished->format);
  std::printf(
      "  %.0f s, %.2f GB: finished %.3f s after the stop (%.3f s of processor), opened by "
      "libavformat after %.3f s: %s\n",
      finished->duration.as_seconds(), static_cast<double>(finished->bytes) / 1e9, took, finish_cpu,
      elapsed(stop), measured ? "plays" : "DOES NOT PLAY");
  fs::remove(finished->path);
}

// Through the thread and the queue of the server, in real time.
void many_at_once(const std::string& folder, int count, int seconds) {
  std::atomic<int> troubles = 0, closed = 0;
  server::RecordingThread::Ports ports;
  ports.trouble = [&](app::RecordingTrouble) { ++troubles; };
  ports.closed = [&](const std::string&) { ++closed; };
  ports.wants_keyframe = [](app::MediaId) {};
  ports.wants_description = [](app::MediaId) {};
  server::RecordingThread recorder(folder, std::move(ports));
  std::vector<record::SyntheticPresenter> presenters;
  const Instant start = net::now();
  for (int i = 0; i < count; ++i) {
    const auto id = static_cast<app::MediaId>(i + 1);
    presenters.emplace_back(broadcast(wire::Codec::kH264), start);
    recorder.record("many" + std::to_string(i), id);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  for (int i = 0; i < count; ++i)
    recorder.take(presenters[static_cast<size_t>(i)].describe(static_cast<app::MediaId>(i + 1)));
  const double before = cpu_seconds();
  double making = 0;
  for (int tick = 0; tick < seconds * 50; ++tick) {
    const double begin = cpu_seconds();
    std::vector<sfu::PacketBatch> batches;
    for (int i = 0; i < count; ++i)
      batches.push_back(presenters[static_cast<size_t>(i)].next(static_cast<app::MediaId>(i + 1)));
    making += cpu_seconds() - begin;
    for (auto& batch : batches) recorder.take(std::move(batch));
    const Duration ahead = (start + Duration::millis(20) * tick) - net::now();
    if (ahead > Duration()) std::this_thread::sleep_for(std::chrono::microseconds(ahead.us()));
  }
  const double took = elapsed(start);
  const double cpu = cpu_seconds() - before;
  for (int i = 0; i < count; ++i) recorder.close("many" + std::to_string(i));
  while (closed < count) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const auto figures = recorder.figures();
  std::printf("%d at once for %.1f s: %.0f MB written, %" PRIu64 " batches dropped, %" PRIu64
              " packets lost, %" PRIu64
              " syncs, %d troubles\n"
              "  processor: %.1f %% of a core with making the packets (about %.1f %%)\n",
              count, took, static_cast<double>(figures.bytes) / 1e6, figures.batches_dropped,
              figures.media.packets_lost, figures.syncs, troubles.load(), cpu / took * 100,
              making / took * 100);
}

}  // namespace

// recording [FOLDER]: where to write, a disk of the kind that recordings are to go to.
int main(int argc, char** argv) {
  std::string folder = argc > 1 ? argv[1] : (fs::temp_directory_path() / "loopcast-bench").string();
  fs::create_directories(folder);
  one_hour(folder, wire::Codec::kH264);
  one_hour(folder, wire::Codec::kVp8);
  many_at_once(folder, 100, 20);
  fs::remove_all(folder);
  return 0;
}
