// Calls and presence over Socket.IO: what lines ask of app::Calls, and what it tells them. Beside
// LiveSockets, where sockets are signed in and make their offers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "api/call_history.h"
#include "api/live.h"
#include "api/live_line.h"
#include "api/sign_in.h"
#include "app/calls.h"
#include "app/presence.h"
#include "http/socketio.h"

namespace loopcast::api {

class CallEvents {
 public:
  struct Parts {
    SignIn& sign_in;
    Live& live;
    app::Presence& presence;
    app::Calls& calls;
    CallHistory& history;
    // Starts and ends recording of a broadcast whose two have agreed.
    std::function<void(const app::RecordBroadcast&)> record;
  };

  // All outlive this.
  CallEvents(http::asio::io_context& context, const Parts& parts, SignIn::Clocks clocks);
  CallEvents(const CallEvents&) = delete;
  CallEvents& operator=(const CallEvents&) = delete;

  // The line is about to present in order to call this nickname; or presents `on_air` already.
  http::Task<Expected<app::CallPermit>> dial(LiveLine& line, std::string nickname,
                                             std::string on_air = {});
  // Tells of a call that could not be made.
  void refuse_dial(LiveLine& line, const http::Ack& ack, const Error& error);
  // The line is about to present, not calling anybody. Nothing: it is a broadcast for everybody.
  Expected<std::optional<app::CallPermit>> join(LiveLine& line, const boost::json::value& request);

  // False: not an event of calls.
  http::Task<bool> handle(LiveLine& line, const http::Event& event,
                          const boost::json::value& request);
  void on_air(LiveLine& line, const std::string& broadcast_id);
  void presenting_ended(LiveLine& line, app::PresentingEnd how);
  void viewer_entered(LiveLine& line, const app::PublicUser& viewer);
  // A new nickname or picture.
  void update_user(const app::PublicUser& user);
  // The socket is gone.
  void closed(LiveLine& line);

  http::Task<Expected<uint64_t>> tell_missed(std::string user_id);
  // Ends every call. Nothing is timed any more.
  void shutdown();

 private:
  app::Moment now() const { return {clocks_.now(), clocks_.wall_now()}; }
  http::Task<> go_online(LiveLine& line, const http::Ack& ack);
  http::Task<> invite_viewer(LiveLine& line, const http::Ack& ack,
                             const boost::json::value& request);
  http::Task<> remember(app::CallOver over);
  void air_changed(const app::AirChange& change);
  void answer(LiveLine& line, const http::Ack& ack, const Status& done);

  // Brings what the application has said to whom it is for, and sets the timer.
  void pump();
  void deliver(app::CallOutput& output);
  void deliver(const app::PresenceChange& change);
  void arm_timer();

  http::asio::io_context& context_;
  Parts parts_;
  SignIn::Clocks clocks_;
  http::Timer timer_;
  Instant armed_ = Instant::never();
  std::unordered_map<app::LineId, LiveLine*> lines_;
  std::unordered_map<app::ClientId, std::string> presenting_;  // broadcasts on air
  bool pumping_ = false;
  bool stopping_ = false;
};

}  // namespace loopcast::api
