// Links to the files of recordings that carry their own permission: a <video> or <img> sends no
// token. A link names the user and the session that it was made for, so that whoever serves it can
// ask whether that user is still signed in there, and may still see the recording.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/recording_store.h"
#include "base/time.h"

namespace loopcast::app {

// Links live at least this long and at most one step longer: within a step the same file has the
// same link, so that a page that is loaded again finds its pictures in the browser's cache.
inline constexpr Duration kLinkLifetime = Duration::seconds(6 * 3600);
inline constexpr Duration kLinkStep = Duration::seconds(3600);

// For whom a link is.
struct LinkHolder {
  std::string user_id;
  std::string session;  // as app::session_id() calls it
};

// "/media/<file>?e=<seconds since 1970>&u=<user>&k=<session>&s=<signature>". `file`: "<id>.mp4" and
// the like.
std::string make_media_link(const LinkKey& key, std::string_view file, const LinkHolder& holder,
                            WallTime now);

// Whether the parameters of a link (e, u and k, s) are ours, for this file, and not expired.
bool check_media_link(const LinkKey& key, std::string_view file, std::string_view expires,
                      const LinkHolder& holder, std::string_view signature, WallTime now);

// The recording that a file belongs to ("<id>" of "<id>.sprite.jpg"), if it is one that is served:
// .mp4, .webm, .jpg, .sprite.jpg. Empty otherwise.
std::string_view recording_of_file(std::string_view file);

}  // namespace loopcast::app
