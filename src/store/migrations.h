// The steps by which a database gets from any older version to the current one.
#pragma once

#include <span>

namespace loopcast::store {

struct Migration {
  int version;      // from 1, ascending without gaps; kept in PRAGMA user_version
  const char* sql;  // run in one transaction together with the change of the version
};

// Published migrations never change: a new version is a new entry.
std::span<const Migration> migrations();

}  // namespace loopcast::store
