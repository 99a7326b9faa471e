// What the HTTP side of the server has seen. Belongs to the control thread; read it there.
#pragma once

#include <cstdint>

namespace loopcast::http {

struct HttpCounters {
  // Now.
  uint64_t connections = 0;
  uint64_t websockets = 0;
  uint64_t engine_sessions = 0;
  uint64_t sockets = 0;  // Socket.IO sockets (one for each namespace of a client)

  // Since the start.
  uint64_t connections_accepted = 0;
  uint64_t connections_over_limit = 0;     // turned away: too many in all
  uint64_t connections_over_ip_limit = 0;  // turned away: too many of one address
  uint64_t connections_no_room = 0;        // turned away: strangers hold all that they may
  uint64_t strangers_evicted = 0;          // ended for others who held less
  uint64_t requests_no_room = 0;           // 503: strangers hold all that they may
  uint64_t accept_errors = 0;              // no descriptors left, and the like
  uint64_t tls_handshakes_failed = 0;
  uint64_t requests = 0;
  uint64_t requests_malformed = 0;         // 400
  uint64_t requests_header_too_large = 0;  // 431
  uint64_t requests_body_too_large = 0;    // 413
  uint64_t requests_over_large_limit = 0;  // 503: too many large bodies at once
  uint64_t requests_not_signed_in = 0;     // 401: a body that only users may send
  uint64_t requests_timed_out = 0;         // header, body or answer took too long to pass
  uint64_t responses_1xx_3xx = 0;
  uint64_t responses_4xx = 0;
  uint64_t responses_5xx = 0;
  uint64_t handler_exceptions = 0;
  uint64_t access_lines_left_out = 0;  // of the access log
  uint64_t bytes_sent = 0;
  uint64_t bytes_sent_by_kernel = 0;  // of them, by sendfile()
  uint64_t engine_sessions_opened = 0;
  uint64_t engine_sessions_refused = 0;    // too many in all, or the server is stopping
  uint64_t engine_strangers_refused = 0;   // too many, or too often, of one address not signed in
  uint64_t engine_handshakes_refused = 0;  // wrong protocol, transport, method, sid
  uint64_t engine_upgrades = 0;
  uint64_t engine_ping_timeouts = 0;
  uint64_t engine_protocol_errors = 0;
  uint64_t engine_queue_overflows = 0;  // clients that did not read and were disconnected
  uint64_t socket_events = 0;
  uint64_t socket_event_overflows = 0;  // sent faster than handled: disconnected
  uint64_t socket_protocol_errors = 0;
};

}  // namespace loopcast::http
