package dev.jobworker.api;

import java.time.Instant;

/**
 * Who the caller is to the worker.
 *
 * @param identity SPIFFE ID
 * @param role "user", "viewer", "operator" or "admin"; empty if none is bound
 * @param certificateExpireTime when the certificate ends
 */
public record CallerIdentity(String identity, String role, Instant certificateExpireTime) {}
