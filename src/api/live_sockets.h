// Socket.IO: the signalling of the web app and of the first-generation client. One socket is a
// user's line, or presents one broadcast, or watches one.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "api/call_events.h"
#include "api/ended_sessions.h"
#include "api/library.h"
#include "api/live.h"
#include "api/live_line.h"
#include "api/sign_in.h"
#include "app/recordings.h"
#include "http/socketio.h"

namespace loopcast::api {

class LiveSockets {
 public:
  // Of one user, over all devices; pages that never offer anything count as well.
  static constexpr size_t kMaxSocketsPerUser = 64;

  // All outlive this, and this outlives the use of `io`.
  LiveSockets(SignIn& sign_in, Live& live, CallEvents& calls, Library& library)
      : sign_in_(sign_in), live_(live), calls_(calls), library_(library) {}
  LiveSockets(const LiveSockets&) = delete;
  LiveSockets& operator=(const LiveSockets&) = delete;

  void mount(http::SocketIo& io);
  // So have their sockets.
  void end_sessions(const EndedSessions& ended);
  // What starts from now on bears the new name and picture; what is on air keeps those that it has.
  void update_user(const app::PublicUser& user);
  // To every socket of these users.
  void tell(const app::RecordingNotice& notice);

 private:
  using Line = LiveLine;

  http::Task<> connect(http::SocketPtr socket);
  http::Task<> handle(http::SocketPtr socket, http::Event event);
  void leave(const http::SocketPtr& socket);

  // The offer in `request`, whose answer or refusal goes to `ack`, is made by `start`.
  template <typename Start>
  void negotiate(Line& line, const boost::json::value& request, http::Ack ack, Start start);
  http::Task<> create_presenter(Line& line, const boost::json::value& request, http::Ack ack);
  void create_viewer(Line& line, const boost::json::value& request, http::Ack ack);
  void add_candidate(Line& line, const boost::json::value& request);
  void on_notice(Line& line, app::Notice& notice);
  void on_closed(Line& line, const app::Closed& closed);
  // Writes down what a limit refused; nothing of other errors.
  void note_limit(const Line& line, const Error& error, std::string_view event);
  void on_failure(Line& line, const Error& error, app::PresentingEnd how);

  SignIn& sign_in_;
  Live& live_;
  CallEvents& calls_;
  Library& library_;
  std::unordered_set<Line*> lines_;
  std::unordered_map<std::string, size_t> sockets_of_user_;
};

}  // namespace loopcast::api
