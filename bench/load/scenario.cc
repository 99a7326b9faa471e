#include "scenario.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include <sys/resource.h>

#include "net/clock.h"

namespace loopcast::load {
namespace {

// The interface tells who is sampled by the port (bench/testbed): from here on packets may be
// dropped there, below all come in.
constexpr uint16_t kCountedPorts = 20'000;
constexpr uint16_t kCheckedPorts = 10'000;
// Signalling is mostly waiting for the server.
constexpr size_t kSignallingThreads = 16;
// Longer than anything is under way.
constexpr Duration kQuiet = Duration::millis(400);
constexpr Duration kPoll = Duration::millis(20);
constexpr Duration kWarmUp = Duration::seconds(1);
constexpr Duration kJoinLimit = Duration::seconds(30);
constexpr size_t kMaxViolations = 10;
constexpr Duration kBurst = Duration::seconds(1);

void sleep(Duration d) {
  if (d > Duration()) std::this_thread::sleep_for(std::chrono::microseconds(d.us()));
}

Random seeded() {
  Random::Seed seed{};
  store_u64(seed.data(), static_cast<uint64_t>(net::wall_now().us));
  return Random(seed);
}

Duration own_cpu() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return Duration::micros((use.ru_utime.tv_sec + use.ru_stime.tv_sec) * int64_t{1'000'000} +
                          use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

double ms_between(Instant from, Instant to) { return static_cast<double>((to - from).us()) / 1000; }

}  // namespace

Scenario::Scenario(const Options& options, Server& server)
    : options_(options),
      server_(server),
      measured_(options.server_pid, options.server_core),
      identity_(rtc::DtlsIdentity::generate()),
      crypto_(rtc::SrtpCrypto::make_best()),
      random_(seeded()),
      next_checked_port_(kCheckedPorts),
      next_counted_port_(kCountedPorts) {}

Scenario::~Scenario() = default;

std::unique_ptr<Member> Scenario::make_member(Kind kind) {
  auto member = std::make_unique<Member>();
  member->sampled = kind == Kind::kSampled;
  member->until_picture = kind == Kind::kUntilPicture || kind == Kind::kPassing;
  member->joining = net::now();
  Random::Seed seed;
  SocketAddress address{options_.bind, 0};
  {
    const std::lock_guard lock(mutex_);
    seed = random_.fork();
    // Those who only pass take any port: more of them come than there are.
    if (kind == Kind::kCounting) address.port = next_counted_port_++;
    if (kind == Kind::kSampled || kind == Kind::kUntilPicture) address.port = next_checked_port_++;
  }
  auto socket = net::UdpSocket::open(address, {.buffer = 1 << 20, .segmentation = false});
  if (!socket) throw std::runtime_error(socket.error().message);
  member->socket = std::move(*socket);
  member->browser = std::make_unique<sim::Browser>(sim::BrowserContext{identity_, *crypto_},
                                                   options_.viewer(kind != Kind::kCounting), seed);
  return member;
}

void Scenario::publish() {
  auto member = std::make_unique<Member>();
  auto socket = net::UdpSocket::open({options_.bind, 0}, {.segmentation = false});
  if (!socket) throw std::runtime_error(socket.error().message);
  member->socket = std::move(*socket);
  member->browser = std::make_unique<sim::Browser>(sim::BrowserContext{identity_, *crypto_},
                                                   options_.publisher(), random_.fork());
  const auto published = signalling_.front()->publish(*member->browser);
  if (!published) throw std::runtime_error(published.error().message);
  publisher_ = crowd_.add(std::move(member));
  if (wait_connected({publisher_}, kJoinLimit) == 0)
    throw std::runtime_error("the publisher does not get through");
}

void Scenario::pause(bool paused) {
  crowd_.run([&](auto& members) { members[publisher_]->browser->sender()->pause(paused); });
}

size_t Scenario::wait_connected(const std::vector<size_t>& numbers, Duration limit) {
  const Instant until = net::now() + limit;
  size_t connected = 0;
  while (true) {
    connected = 0;
    crowd_.run([&](auto& members) {
      for (const size_t n : numbers)
        if (members[n]->browser->state() == sim::Browser::State::kConnected) ++connected;
    });
    if (connected == numbers.size() || net::now() > until) return connected;
    sleep(kPoll);
  }
}

size_t Scenario::join(const std::vector<Kind>& kinds, double rate, std::vector<size_t>& numbers) {
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  const Instant start = net::now();
  const auto work = [&](Signalling& signalling) {
    for (size_t i = next++; i < kinds.size(); i = next++) {
      sleep(start + Duration::micros(static_cast<int64_t>(static_cast<double>(i) * 1e6 / rate)) -
            net::now());
      auto member = make_member(kinds[i]);
      const auto session = signalling.watch(*member->browser);
      const std::lock_guard lock(mutex);
      if (session) {
        member->session = *session;
        numbers.push_back(crowd_.add(std::move(member)));
      } else {
        failure_ = session.error().message;
      }
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(signalling_.size());
  for (auto& signalling : signalling_) threads.emplace_back(work, std::ref(*signalling));
  for (std::thread& thread : threads) thread.join();
  return numbers.size();
}

JoinTimes Scenario::wait_pictures(const std::vector<size_t>& numbers, Duration limit) {
  const Instant until = net::now() + limit;
  JoinTimes times;
  while (true) {
    times = {};
    crowd_.run([&](auto& members) {
      for (const size_t n : numbers) {
        const Member& member = *members[n];
        if (member.first_picture.is_never()) continue;
        ++times.joined;
        times.first_packet_ms.push_back(ms_between(member.joining, member.first_packet));
        times.first_picture_ms.push_back(ms_between(member.joining, member.first_picture));
      }
    });
    if (times.joined == numbers.size() || net::now() > until) break;
    sleep(kPoll);
  }
  times.failed = numbers.size() - times.joined;
  std::sort(times.first_packet_ms.begin(), times.first_packet_ms.end());
  std::sort(times.first_picture_ms.begin(), times.first_picture_ms.end());
  return times;
}

void Scenario::leave(const std::vector<size_t>& numbers) {
  std::vector<std::string> sessions;
  crowd_.run([&](auto& members) {
    for (const size_t n : numbers) {
      sessions.push_back(members[n]->session);
      members[n].reset();
    }
  });
  for (const std::string& session : sessions) (void)signalling_.front()->leave(session);
}

Scenario::Snapshot Scenario::snapshot() {
  Snapshot s;
  const uint64_t dropped = options_.thin == 0 ? 0 : packets_dropped_by_interface();
  crowd_.run([&](auto& members) {
    s.at = net::now();
    s.published = members[publisher_]->browser->sender()->packets();
    s.delivered = dropped;
    for (const size_t n : viewers_) {
      const Member& member = *members[n];
      s.delivered += member.packets();
      if (!member.sampled) continue;
      for (const auto kind : {rtc::MediaKind::kAudio, rtc::MediaKind::kVideo})
        if (const auto* receiver = member.browser->receiver(kind)) {
          s.latency += receiver->latency();
          s.missed += receiver->figures().missed;
        }
    }
  });
  s.cpu = measured_.cpu();
  s.softirq = measured_.softirq_cpu();
  s.load = own_cpu();
  return s;
}

StepResult Scenario::step(size_t viewers) {
  StepResult result;
  const size_t before = viewers_.size();
  // Joins are measured without media.
  pause(true);
  sleep(kQuiet);
  const size_t stride =
      std::max<size_t>(1, options_.steps.back() / std::max<size_t>(1, options_.sample));
  std::vector<Kind> kinds;
  for (size_t i = before; i < viewers; ++i)
    kinds.push_back(options_.sample > 0 && i % stride == stride - 1 ? Kind::kSampled
                                                                    : Kind::kCounting);
  const Duration cpu_before = measured_.cpu();
  join(kinds, options_.join_rate, viewers_);
  if (wait_connected(viewers_, kJoinLimit) != viewers)
    throw std::runtime_error("not all viewers get through: " + failure_);
  sleep(kQuiet);
  const auto joined = static_cast<double>(viewers - before);
  result.join_cpu_ms = static_cast<double>((measured_.cpu() - cpu_before).us()) / 1000 / joined;
  result.memory = measured_.memory();
  pause(false);

  std::vector<size_t> late;
  join(std::vector<Kind>(options_.late, Kind::kUntilPicture), options_.join_rate, late);
  result.late = wait_pictures(late, kJoinLimit);
  result.late.failed += options_.late - late.size();
  leave(late);
  sleep(kWarmUp);

  pause(true);
  sleep(kQuiet);
  const Snapshot first = snapshot();
  pause(false);
  sleep(options_.measured);
  pause(true);
  sleep(kQuiet);
  Snapshot last = snapshot();
  pause(false);
  result.viewers = viewers;
  result.seconds = (last.at - first.at - kQuiet).as_seconds();
  result.published = last.published - first.published;
  result.expected = result.published * viewers;
  result.delivered = last.delivered - first.delivered;
  result.server_cpu = last.cpu - first.cpu;
  result.softirq_cpu = last.softirq - first.softirq;
  result.load_cpu = last.load - first.load;
  result.memory_per_viewer =
      (static_cast<double>(result.memory) - static_cast<double>(memory_before_)) /
      static_cast<double>(viewers);
  result.latency = last.latency;
  result.latency -= first.latency;
  result.sampled_missed = last.missed - first.missed;
  crowd_.run([&](auto& members) {
    for (const size_t n : viewers_) {
      const auto& media = members[n]->browser->agreed().media;
      result.with_feedback +=
          std::any_of(media.begin(), media.end(), [](const auto& m) { return m.transport_cc; });
    }
  });
  return result;
}

BurstResult Scenario::burst() {
  BurstResult result;
  pause(true);
  sleep(kQuiet);
  const Snapshot first = snapshot();
  pause(false);
  sleep(kWarmUp);
  std::vector<size_t> numbers;
  const double rate = static_cast<double>(options_.burst) / kBurst.as_seconds();
  const Instant start = net::now();
  join(std::vector<Kind>(options_.burst, Kind::kUntilPicture), rate, numbers);
  result.times = wait_pictures(numbers, kJoinLimit);
  result.times.failed += options_.burst - numbers.size();
  result.seconds = (net::now() - start).as_seconds();
  sleep(kWarmUp);
  pause(true);
  sleep(kQuiet);
  const Snapshot last = snapshot();
  pause(false);
  result.server_cpu = last.cpu - first.cpu;
  result.others_expected = (last.published - first.published) * viewers_.size();
  result.others_delivered = last.delivered - first.delivered;
  leave(numbers);
  return result;
}

Report Scenario::run() {
  const auto prepared = server_.prepare();
  if (!prepared) throw std::runtime_error(prepared.error().message);
  for (size_t i = 0; i < kSignallingThreads; ++i) signalling_.push_back(server_.connect());
  publish();
  memory_before_ = measured_.memory();
  Report report;
  for (const size_t viewers : options_.steps) report.steps.push_back(step(viewers));
  if (options_.burst > 0) report.bursts.push_back(burst());
  if (options_.churn > 0) report.churns.push_back(churn());
  crowd_.run([&](auto& members) {
    for (const size_t n : viewers_)
      for (const std::string& violation : members[n]->browser->violations())
        if (report.violations.size() < kMaxViolations) report.violations.push_back(violation);
  });
  return report;
}

}  // namespace loopcast::load
