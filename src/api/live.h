// Everybody who presents or watches, however they are connected: gives out client numbers, brings
// each notice of app::Broadcasts to the one it is for, and keeps its timer.
#pragma once

#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "app/broadcasts.h"
#include "app/rate_limiter.h"
#include "base/random.h"
#include "base/time.h"
#include "http/task.h"

namespace loopcast::api {

class Live {
 public:
  using Sink = std::function<void(app::Notice&)>;
  using AirSink = std::function<void(app::AirChange&)>;

  // How often one user goes live: pages that come back after each loss of a bad network do it
  // often, and nobody does it more than once a second for long.
  static constexpr app::RateLimit kGoingLive{60, Duration::seconds(1)};

  // `broadcasts` outlives this. `now`: both clocks; the one for deadlines is that of http/clock.h.
  // `seed`: see app::RateLimiter.
  Live(http::asio::io_context& context, app::Broadcasts& broadcasts,
       std::function<app::Moment()> now, const Random::Seed& seed)
      : broadcasts_(broadcasts),
        now_(std::move(now)),
        timer_(context),
        going_live_(kGoingLive, kRememberedUsers, seed) {}

  // To be asked before present(), and before anything that goes with it. Error: rate_limited.
  Status may_present(Instant now, const std::string& user_id);
  uint64_t rate_limited() const { return going_live_.refused(); }

  // A new client whose notices go to `sink`, until remove().
  app::ClientId add(Sink sink);
  // Ends what the client was doing and forgets it.
  void remove(app::ClientId client);

  // Each is told of every broadcast that goes on the air or leaves it.
  void add_air_sink(AirSink sink) { air_sinks_.push_back(std::move(sink)); }

  void present(app::ClientId client, const app::PublicUser& user, app::PresentOptions options);
  void watch(app::ClientId client, const app::PublicUser& user, const std::string& broadcast_id,
             app::WatchOptions options);
  std::string lost_program(const std::string& user_id) const {
    return broadcasts_.lost_program(user_id);
  }
  bool silence_unknown(const std::string& user_id) const {
    return broadcasts_.silence_unknown(user_id);
  }
  void add_candidate(app::ClientId client, std::string line);
  void restart_ice(app::ClientId client, std::string fragment);
  void set_sending(app::ClientId client, bool sound, bool picture);
  void stop(app::ClientId client);
  void lose(app::ClientId client);
  void stop_broadcast(const std::string& user_id, const std::string& broadcast_id);
  void give_up(const std::string& user_id, const std::string& broadcast_id);
  void handle(app::MediaEvent event);
  void shutdown();

  app::Broadcasts& broadcasts() { return broadcasts_; }
  const app::Broadcasts& broadcasts() const { return broadcasts_; }
  size_t clients() const { return sinks_.size(); }

 private:
  static constexpr size_t kRememberedUsers = 65'536;

  void pump();
  void arm_timer();

  app::Broadcasts& broadcasts_;
  std::function<app::Moment()> now_;
  http::Timer timer_;
  Instant armed_ = Instant::never();
  app::RateLimiter going_live_;
  app::ClientId last_client_ = 0;
  std::unordered_map<app::ClientId, Sink> sinks_;
  std::vector<AirSink> air_sinks_;
  bool pumping_ = false;
};

}  // namespace loopcast::api
