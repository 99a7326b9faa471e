#include "server/metrics.h"

#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace loopcast::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Families {
 public:
  void gauge(const std::string& name, const std::string& help, double value) {
    add(name, help, MetricType::Gauge, {}, value);
  }
  void counter(const std::string& name, const std::string& help, uint64_t value,
               std::vector<ClientMetric::Label> labels = {}) {
    add(name + "_total", help, MetricType::Counter, std::move(labels), static_cast<double>(value));
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  void add(const std::string& name, const std::string& help, MetricType type,
           std::vector<ClientMetric::Label> labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (type == MetricType::Gauge)
      metric.gauge.value = value;
    else
      metric.counter.value = value;
    if (families_.empty() || families_.back().name != "loopcast_" + name)
      families_.push_back({"loopcast_" + name, help, type, {}});
    families_.back().metric.push_back(std::move(metric));
  }
  std::vector<MetricFamily> families_;
};

void add_broadcasts(Families& out, const api::Live& live) {
  const app::Broadcasts& broadcasts = live.broadcasts();
  out.gauge("broadcasts", "Broadcasts on air", static_cast<double>(broadcasts.on_air()));
  out.gauge("broadcasts_away", "Broadcasts whose presenters were lost and are waited for",
            static_cast<double>(broadcasts.away()));
  out.gauge("viewers", "Viewers of all broadcasts", static_cast<double>(broadcasts.viewers()));
  const auto& c = broadcasts.counters();
  const std::pair<const char*, uint64_t> events[] = {
      {"broadcast_started", c.broadcasts_started},
      {"broadcast_ended", c.broadcasts_ended},
      {"broadcast_unheard", c.broadcasts_unheard},
      {"broadcast_lost", c.broadcasts_lost},
      {"broadcast_replaced", c.broadcasts_replaced},
      {"viewer_entered", c.viewers_entered},
      {"viewer_left", c.viewers_left},
      {"media_connected", c.media_connected},
      {"media_lost", c.media_lost},
      {"media_closed", c.media_closed},
      {"media_refused", c.media_refused},
      {"request_refused", c.requests_refused},
      {"going_live_rate_limited", live.rate_limited()},
      {"presenter_not_found", c.presenter_not_found},
      {"candidate_dropped", c.candidates_dropped},
      {"stale_media_event", c.stale_media_events},
  };
  for (const auto& [name, value] : events)
    out.counter("live_events", "What happened in live broadcasts", value, {{"event", name}});
}

void add_calls(Families& out, const app::Presence& presence, const app::Calls& calls) {
  out.gauge("call_lines", "Open call lines", static_cast<double>(presence.lines()));
  out.gauge("calls", "Calls that ring or go on", static_cast<double>(calls.size()));
  const auto& p = presence.counters();
  const auto& c = calls.counters();
  const auto ended = [&](app::EndReason reason) { return c.ended[static_cast<size_t>(reason)]; };
  const std::pair<const char*, uint64_t> events[] = {
      {"line_opened", p.lines_opened},
      {"line_closed", p.lines_closed},
      {"line_refused", p.lines_refused},
      {"presence_told", p.changes},
      {"presence_delayed", p.changes_delayed},
      {"dialled", c.dialled},
      {"rung", c.rung},
      {"accepted", c.accepted},
      {"connected", c.connected},
      {"crossed", c.crossed},
      {"resumed", c.resumed},
      {"rate_limited", c.rate_limited},
      {"unreachable", c.unreachable},
      {"blocked", c.blocked},
      {"refused", c.refused},
      {"ended_declined", ended(app::EndReason::kDeclined)},
      {"ended_cancelled", ended(app::EndReason::kCancelled)},
      {"ended_no_answer", ended(app::EndReason::kNoAnswer)},
      {"ended_busy", ended(app::EndReason::kBusy)},
      {"ended_offline", ended(app::EndReason::kOffline)},
      {"ended_hung_up", ended(app::EndReason::kHungUp)},
      {"ended_lost", ended(app::EndReason::kLost)},
      {"ended_error", ended(app::EndReason::kError)},
      {"ended_server_stopping", ended(app::EndReason::kServerStopping)},
  };
  for (const auto& [name, value] : events)
    out.counter("call_events", "What happened in calls and presence", value, {{"event", name}});
}

void add_http(Families& out, const http::HttpCounters& c, const http::Strangers& strangers,
              const api::SignIn& sign_in, const api::AccountChanges& changes,
              const api::CallHistory& history) {
  out.gauge("http_connections", "HTTP connections", static_cast<double>(c.connections));
  out.gauge("http_websockets", "WebSocket connections", static_cast<double>(c.websockets));
  out.gauge("socketio_sockets", "Socket.IO sockets", static_cast<double>(c.sockets));
  out.gauge("http_stranger_bytes", "What clients that have not signed in make the server keep",
            static_cast<double>(strangers.bytes()));
  const std::pair<const char*, uint64_t> events[] = {
      {"connection_accepted", c.connections_accepted},
      {"connection_over_limit", c.connections_over_limit},
      {"connection_over_ip_limit", c.connections_over_ip_limit},
      {"connection_no_room", c.connections_no_room},
      {"stranger_evicted", c.strangers_evicted},
      {"request_no_room", c.requests_no_room},
      {"request_not_signed_in", c.requests_not_signed_in},
      {"engine_stranger_refused", c.engine_strangers_refused},
      {"accept_error", c.accept_errors},
      {"tls_handshake_failed", c.tls_handshakes_failed},
      {"request", c.requests},
      {"request_malformed", c.requests_malformed},
      {"request_header_too_large", c.requests_header_too_large},
      {"request_body_too_large", c.requests_body_too_large},
      {"request_over_large_limit", c.requests_over_large_limit},
      {"request_timed_out", c.requests_timed_out},
      {"response_4xx", c.responses_4xx},
      {"response_5xx", c.responses_5xx},
      {"handler_exception", c.handler_exceptions},
      {"engine_session_opened", c.engine_sessions_opened},
      {"engine_session_refused", c.engine_sessions_refused},
      {"engine_handshake_refused", c.engine_handshakes_refused},
      {"engine_upgrade", c.engine_upgrades},
      {"engine_ping_timeout", c.engine_ping_timeouts},
      {"engine_protocol_error", c.engine_protocol_errors},
      {"engine_queue_overflow", c.engine_queue_overflows},
      {"socket_event", c.socket_events},
      {"socket_event_overflow", c.socket_event_overflows},
      {"socket_protocol_error", c.socket_protocol_errors},
      {"login_rate_limited", sign_in.rate_limited()},
      {"login_overloaded", sign_in.overloaded()},
      {"account_rate_limited", changes.rate_limited()},
      {"account_overloaded", changes.overloaded()},
      {"picture_refused", changes.pictures_refused()},
      {"people_search_rate_limited", history.rate_limited()},
      {"access_line_left_out", c.access_lines_left_out},
      {"audit_line_written", sign_in.audit().written()},
      {"audit_line_left_out", sign_in.audit().left_out()},
  };
  for (const auto& [name, value] : events)
    out.counter("http_events", "What happened in HTTP and Socket.IO", value, {{"event", name}});
  out.counter("http_sent_bytes", "Bytes of HTTP answers", c.bytes_sent);
  out.counter("http_sent_by_kernel_bytes", "Bytes of files that the kernel sent by itself",
              c.bytes_sent_by_kernel);
}

void add_media(Families& out, const MediaHub& media) {
  const auto workers = media.figures();
  for (size_t i = 0; i < workers.size(); ++i) {
    const ClientMetric::Label worker{"worker", std::to_string(i)};
    for (size_t n = 0; n < static_cast<size_t>(rtc::Counter::kCount); ++n) {
      const auto counter = static_cast<rtc::Counter>(n);
      out.counter("media_events", "What happened to media packets",
                  workers[i].counters.get(counter),
                  {worker, {"event", std::string(rtc::counter_name(counter))}});
    }
  }
  for (size_t i = 0; i < workers.size(); ++i) {
    const ClientMetric::Label worker{"worker", std::to_string(i)};
    const auto& n = workers[i].network;
    uint64_t received = 0, sent = 0, sends = 0, segmented = 0, full = 0, unreachable = 0;
    uint64_t too_big = 0, other = 0, oversized = 0;
    for (const auto& udp : n.udp) {
      received += udp.received;
      sent += udp.sent;
      sends += udp.send_calls;
      segmented += udp.segmented_sends;
      full += udp.dropped_no_buffer;
      unreachable += udp.dropped_unreachable;
      too_big += udp.dropped_too_big;
      other += udp.dropped_other;
      oversized += udp.receive_oversized;
    }
    const std::pair<const char*, uint64_t> events[] = {
        {"udp_received", received},
        {"udp_sent", sent},
        {"udp_send_calls", sends},
        {"udp_segmented_sends", segmented},
        {"udp_drop_no_buffer", full},
        {"udp_drop_unreachable", unreachable},
        {"udp_drop_too_big", too_big},
        {"udp_drop_other", other},
        {"udp_drop_oversized", oversized},
        {"turn_failed", n.failures},
        {"tcp_accepted", n.tcp.accepted},
        {"tcp_refused", n.tcp.refused},
        {"tcp_closed_bad", n.tcp.closed_bad},
        {"tcp_closed_idle", n.tcp.closed_idle},
        {"tcp_drop_queue_full", n.tcp.dropped_queue_full},
        {"tcp_drop_closed", n.tcp.dropped_closed},
        {"busy_us", n.busy_us},
    };
    for (const auto& [name, value] : events)
      out.counter("network_events", "What happened on the media ports", value,
                  {worker, {"event", name}});
  }
  double peers = 0, slow = 0;
  for (const auto& worker : workers) {
    peers += static_cast<double>(worker.peers);
    slow += static_cast<double>(worker.slow_viewers);
  }
  out.gauge("media_peers", "Peers of the media workers", peers);
  out.gauge("media_slow_viewers", "Viewers whose network carries less than they are sent", slow);
  out.counter("media_commands_refused", "Commands that a full mailbox refused",
              media.commands_refused());
  out.counter("media_handovers_refused", "Packets for another worker that could not keep up",
              media.handovers_refused());
}

void add_recordings(Families& out, api::Library& library) {
  const app::Recordings& recordings = library.recordings();
  out.gauge("recordings_running", "Broadcasts that are being recorded",
            static_cast<double>(recordings.recording()));
  out.gauge("recordings_finishing", "Recordings whose file is being finished",
            static_cast<double>(recordings.finishing()));
  const auto& c = recordings.counters();
  const std::pair<const char*, uint64_t> events[] = {
      {"started", c.started},
      {"resumed", c.resumed},
      {"split", c.split},
      {"repaired", c.repaired},
      {"ready", c.ready},
      {"damaged", c.damaged},
      {"too_short", c.too_short},
      {"lost", c.lost},
      {"removed", c.removed},
      {"removal_failed", c.removals_failed},
      {"trouble", c.troubles},
      {"quota_warning", c.quota_warnings},
      {"quota_end", c.quota_ends},
      {"quota_refusal", c.quota_refusals},
      {"stale_event", c.stale_events},
      {"write_failed", library.writes_failed()},
  };
  for (const auto& [name, value] : events)
    out.counter("recording_events", "What happened to recordings", value, {{"event", name}});
}

void add_recorder(Families& out, const RecordingHub& recorder) {
  const RecordingFigures f = recorder.figures();
  out.gauge("recorder_files", "Files that recordings are being written to",
            static_cast<double>(f.active));
  out.counter("recorder_bytes", "Bytes of media written to recordings", f.bytes);
  const std::pair<const char*, uint64_t> events[] = {
      {"packet", f.media.packets},
      {"packet_lost", f.media.packets_lost},
      {"packet_refused", f.media.packets_refused},
      {"picture", f.media.frames},
      {"picture_dropped", f.media.frames_dropped},
      {"silence", f.media.silences},
      {"fragment", f.media.fragments},
      {"fragment_retimed", f.media.fragments_retimed},
      {"fragment_guessed", f.media.fragments_guessed},
      {"keyframe_request", f.media.keyframe_requests},
      {"batch_dropped", f.batches_dropped},
      {"batch_unknown", f.batches_unknown},
      {"write_failed", f.writes_failed},
      {"packet_over_rate", f.media.packets_over_rate},
      {"sync", f.syncs},
      {"sync_failed", f.syncs_failed},
      {"pictures_made", recorder.pictures_made()},
      {"pictures_failed", recorder.pictures_failed()},
  };
  for (const auto& [name, value] : events)
    out.counter("recorder_events", "What happened while recordings were written", value,
                {{"event", name}});
}

}  // namespace

std::string metrics_text(const api::Live& live, const http::HttpCounters& http,
                         const http::Strangers& strangers, const api::SignIn& sign_in,
                         const api::AccountChanges& changes, const MediaHub& media,
                         api::Library& library, const RecordingHub& recorder,
                         const app::Presence& presence, const app::Calls& calls,
                         const api::CallHistory& history) {
  Families out;
  add_broadcasts(out, live);
  add_calls(out, presence, calls);
  add_http(out, http, strangers, sign_in, changes, history);
  add_media(out, media);
  add_recordings(out, library);
  add_recorder(out, recorder);
  return out.text();
}

}  // namespace loopcast::server
