#include "api/live.h"

#include "app/messages.h"

namespace loopcast::api {

app::ClientId Live::add(Sink sink) {
  sinks_.emplace(++last_client_, std::move(sink));
  return last_client_;
}

void Live::remove(app::ClientId client) {
  if (sinks_.erase(client) == 0) return;
  broadcasts_.client_gone(wall_now_(), client);
  pump();
}

Status Live::may_present(Instant now, const std::string& user_id) {
  if (going_live_.take(now, user_id).allowed) return ok();
  return app::make_error(app::Code::kRateLimited);
}

void Live::present(app::ClientId client, const app::PublicUser& user, app::PresentOptions options) {
  broadcasts_.present(client, user, std::move(options));
  pump();
}

void Live::watch(app::ClientId client, const app::PublicUser& user, const std::string& broadcast_id,
                 std::string offer) {
  broadcasts_.watch(client, user, broadcast_id, std::move(offer));
  pump();
}

void Live::supersede(const std::string& user_id, const std::string& broadcast_id) {
  broadcasts_.supersede(wall_now_(), user_id, broadcast_id);
  pump();
}

void Live::supersede_silent(const std::string& user_id) {
  broadcasts_.supersede_silent(wall_now_(), user_id);
  pump();
}

void Live::add_candidate(app::ClientId client, std::string line) {
  broadcasts_.add_candidate(client, std::move(line));
  pump();
}

void Live::restart_ice(app::ClientId client, std::string fragment) {
  broadcasts_.restart_ice(client, std::move(fragment));
  pump();
}

void Live::stop(app::ClientId client) {
  broadcasts_.stop(wall_now_(), client);
  pump();
}

void Live::handle(app::MediaEvent event) {
  broadcasts_.handle(wall_now_(), std::move(event));
  pump();
}

void Live::shutdown() {
  broadcasts_.shutdown();
  pump();
}

void Live::pump() {
  // A sink may call back in here; what that leads to is delivered by the loop that is running.
  if (pumping_) return;
  pumping_ = true;
  app::Notice notice;
  app::AirChange change;
  for (bool more = true; more;) {
    more = false;
    while (broadcasts_.poll_air_change(change)) {
      more = true;
      for (const AirSink& sink : air_sinks_) sink(change);
    }
    while (broadcasts_.poll_notice(notice)) {
      more = true;
      const auto it = sinks_.find(notice.to);
      if (it == sinks_.end()) continue;
      // A copy, because the sink may remove its client.
      const Sink sink = it->second;
      sink(notice);
    }
  }
  pumping_ = false;
}

}  // namespace loopcast::api
