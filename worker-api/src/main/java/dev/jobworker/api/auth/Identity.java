package dev.jobworker.api.auth;

import java.math.BigInteger;
import java.time.Instant;

/**
 * An authenticated caller, made only from a certificate that passed every rule.
 *
 * @param spiffeId "spiffe://trust-domain/user/name" or "spiffe://trust-domain/svc/name"
 * @param serial of the certificate
 * @param notAfter when the certificate ends, and with it this identity
 */
public record Identity(String spiffeId, BigInteger serial, Instant notAfter) {}
