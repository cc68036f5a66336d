/** What the transports have in common beside the contract: for servers, waiting calls and the reception of requests; for clients, retries and resuming. */
@NullMarked
package dev.jobworker.api.transport;

import org.jspecify.annotations.NullMarked;
