// How things of the application look in JSON and text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "app/broadcasts.h"
#include "app/messages.h"
#include "app/user.h"
#include "base/time.h"
#include "http/message.h"

namespace loopcast::api {

boost::json::object to_json(const app::PublicUser& user);
boost::json::object to_json(const app::BroadcastInfo& broadcast);

// "2026-01-31T12:00:00Z".
std::string iso_time(WallTime time);
// "HH:mm:ss" in the server's time zone.
std::string clock_time(WallTime time);

// The language for this client: the first-generation page is Chinese and names none.
app::Language language_of(std::string_view accept_language);

// The HTTP status for an error code of the application.
unsigned status_of(std::string_view code);
// An error as application/problem+json in the client's language; in English for programs, which
// speak WHIP and WHEP and name none. They are told the line and the reason of a bad offer as well.
http::Response problem(const http::Request& request, const Error& error);

// Whether the body is said to be of this media type, whatever its parameters.
bool has_type(const http::Request& request, std::string_view type);

// "page" from 1 and "size" of 1 to 100 as people write them: `otherwise` if absent or no number.
size_t positive(std::string_view text, size_t otherwise, size_t largest);
// When to try again, as clients are told: in whole seconds, and not too early.
int64_t retry_seconds(Duration later);

// The string member `name`; nullopt if it is absent or of another type.
std::optional<std::string> text_member(const boost::json::value& value, std::string_view name);

// What a registration or login may have as its body: names and passwords are short.
inline constexpr size_t kMaxCredentials = 4 * 1024;

// The JSON body of a registration or login. Errors: bad_json, bad_request (a member is missing).
struct NicknameAndPassword {
  std::string nickname;
  std::string password;
};
Expected<NicknameAndPassword> credentials_of(const http::Request& request);

}  // namespace loopcast::api
