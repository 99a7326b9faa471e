#include "api/live.h"

#include "api/pumping.h"
#include "app/messages.h"
#include "http/clock.h"

namespace loopcast::api {

app::ClientId Live::add(Sink sink) {
  sinks_.emplace(++last_client_, std::move(sink));
  return last_client_;
}

void Live::remove(app::ClientId client) {
  if (sinks_.erase(client) == 0) return;
  broadcasts_.client_gone(now_(), client);
  pump();
}

Status Live::may_present(Instant now, const std::string& user_id) {
  const auto permit = going_live_.take(now, user_id);
  if (permit.allowed) return ok();
  return app::make_error(app::Code::kRateLimited, permit.retry_after);
}

void Live::present(app::ClientId client, const app::PublicUser& user, app::PresentOptions options) {
  broadcasts_.present(now_(), client, user, std::move(options));
  pump();
}

void Live::watch(app::ClientId client, const app::PublicUser& user, const std::string& broadcast_id,
                 app::WatchOptions options) {
  broadcasts_.watch(client, user, broadcast_id, std::move(options));
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

void Live::set_sending(app::ClientId client, bool sound, bool picture) {
  broadcasts_.set_sending(now_(), client, sound, picture);
  pump();
}

void Live::stop(app::ClientId client) {
  broadcasts_.stop(now_(), client);
  pump();
}

void Live::lose(app::ClientId client) {
  broadcasts_.lose(now_(), client);
  pump();
}

void Live::stop_broadcast(const std::string& user_id, const std::string& broadcast_id) {
  broadcasts_.stop_broadcast(now_(), user_id, broadcast_id);
  pump();
}

void Live::give_up(const std::string& user_id, const std::string& broadcast_id) {
  broadcasts_.give_up(now_(), user_id, broadcast_id);
  pump();
}

void Live::handle(app::MediaEvent event) {
  broadcasts_.handle(now_(), std::move(event));
  pump();
}

void Live::shutdown() {
  broadcasts_.shutdown(now_());
  timer_.cancel();
  pump();
}

void Live::pump() {
  // A sink may call back in here; what that leads to is delivered by the loop that is running.
  if (pumping_) return;
  // Also after a sink that throws: what it was told is lost, and the rest goes on with the next.
  const Pumping pumping(pumping_);
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
  arm_timer();
}

void Live::arm_timer() {
  const Instant at = broadcasts_.next_timeout();
  // A timer that is early looks again when it fires.
  if (at >= armed_) return;
  armed_ = at;
  timer_.expires_at(http::to_time_point(at));
  timer_.async_wait([this](const http::error_code& error) {
    if (error) return;
    armed_ = Instant::never();
    broadcasts_.handle_timeout(now_());
    pump();
  });
}

}  // namespace loopcast::api
