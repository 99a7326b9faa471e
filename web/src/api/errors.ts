/** Every code that the server puts into `code` of a problem, an `error` event or an acknowledgement. */
export const kServerErrorCodes = [
  'nickname_taken',
  'nickname_invalid',
  'nickname_too_long',
  'nickname_looks_taken',
  'password_too_short',
  'password_too_long',
  'password_common',
  'bad_credentials',
  'unauthorized',
  'rate_limited',
  'already_presenting',
  'already_watching',
  'not_active',
  'too_many_broadcasts',
  'too_many_streams',
  'broadcast_full',
  'server_full',
  'server_stopping',
  'publisher_gone',
  'media_lost',
  'replaced',
  'cannot_be_reached',
  'busy',
  'no_answer',
  'in_call',
  'bad_sdp',
  'no_bundle',
  'no_rtcp_mux',
  'no_fingerprint',
  'no_ice',
  'ice_lite',
  'no_media',
  'no_common_codec',
  'offer_too_large',
  'bad_candidate',
  'bad_request',
  'bad_json',
  'too_large',
  'not_found',
  'method_not_allowed',
  'unsupported_media_type',
  'forbidden',
  'conflict',
  'precondition_failed',
  'timeout',
  'store_unavailable',
  'store_too_new',
  'overloaded',
  'bad_title',
  'bad_comments',
  'recording_running',
  'recording_storage',
  'recording_overloaded',
  'disk_full',
  'quota_near',
  'quota_reached',
  'disk_low',
  'recording_rate',
  'internal',
  'wrong_password',
  'image_invalid',
  'too_many_blocked',
] as const;

/** Failures that this app notices by itself. */
export const kClientErrorCodes = [
  'network',
  'unknown',
  'webrtc_failed',
  'webrtc_missing',
  'device_denied',
  'device_missing',
  'device_busy',
  'device_gone',
  'device_insecure',
  'device_failed',
  'device_camera_denied',
  'device_camera_missing',
  'device_camera_busy',
  'device_camera_gone',
  'device_camera_failed',
  'device_camera_unplugged',
  'device_microphone_denied',
  'device_microphone_missing',
  'device_microphone_busy',
  'device_microphone_gone',
  'device_microphone_failed',
  'device_microphone_unplugged',
] as const;

export type ServerErrorCode = (typeof kServerErrorCodes)[number];
export type ClientErrorCode = (typeof kClientErrorCodes)[number];

/** A request that failed. `message` is the server's own sentence, for codes unknown to this app. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly code: string,
    message: string,
    /** HTTP status; 0 if there was no answer at all. */
    readonly status: number,
    /** After how many seconds the server would have it tried again; null if it did not say. */
    readonly retry_after: number | null = null,
  ) {
    super(message);
  }
}

export function as_api_error(cause: unknown): ApiError {
  return cause instanceof ApiError ? cause : new ApiError('unknown', String(cause), 0);
}
