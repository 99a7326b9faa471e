// Every failure that a user can be told about, and the sentences that tell it. An error cannot be
// made without its sentences: the table of messages.cc is indexed by this enum.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loopcast::app {

enum class Code : uint8_t {
  // Accounts and sessions
  kNicknameTaken,
  kNicknameInvalid,
  kNicknameTooLong,
  kPasswordTooShort,
  kPasswordTooLong,
  kBadCredentials,
  kUnauthorized,
  kRateLimited,
  // Broadcasts
  kAlreadyPresenting,
  kAlreadyWatching,
  kNotActive,
  kTooManyBroadcasts,
  kTooManyStreams,
  kBroadcastFull,
  kServerFull,
  kServerStopping,
  kPublisherGone,
  kMediaLost,
  kReplaced,
  // Calls
  kCannotBeReached,
  // Negotiation of media
  kBadSdp,
  kNoBundle,
  kNoRtcpMux,
  kNoFingerprint,
  kNoIce,
  kIceLite,
  kNoMedia,
  kNoCommonCodec,
  kOfferTooLarge,
  kBadCandidate,
  // Requests
  kBadRequest,
  kBadJson,
  kTooLarge,
  kNotFound,
  kMethodNotAllowed,
  kUnsupportedMediaType,
  kForbidden,
  kConflict,
  kPreconditionFailed,
  kTimeout,
  // The server itself
  kStoreUnavailable,
  kStoreTooNew,
  kOverloaded,
  kInternal,
  // Settings of an account
  kWrongPassword,
  kImageInvalid,
  // Recordings
  kBadTitle,
  kBadComments,
  kRecordingRunning,
  kRecordingStorage,
  kRecordingOverloaded,
  kDiskFull,
  kDiskLow,
  kRecordingRate,
  // Calls
  kBusy,
  kNoAnswer,
  kInCall,
  kTooManyBlocked,
  // Accounts
  kPasswordCommon,
  kNicknameLooksTaken,
  // Quotas of recordings
  kQuotaNear,
  kQuotaReached,
  kCount,
};

}  // namespace loopcast::app
