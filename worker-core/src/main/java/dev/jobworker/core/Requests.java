package dev.jobworker.core;

import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Supplier;

/**
 * Each request once. Of several calls with one key at a time the first works, the others wait for it and have its result; a call that failed is
 * forgotten, one that succeeded is remembered until {@link #forget}.
 */
final class Requests<T> {
    private final ConcurrentMap<Key, Call<T>> calls = new ConcurrentHashMap<>();

    /** What makes a request the same: who asks, and the name that he gave it. */
    record Key(String owner, UUID requestId) {}

    private record Call<T>(String digest, CompletableFuture<T> result) {}

    /**
     * Returns the result of the first call with this key.
     *
     * @param digest of all that was asked for
     * @throws JobException with {@link Failure.RequestIdReused} if the first call had another digest
     */
    T once(Key key, String digest, Supplier<T> work) {
        Call<T> mine = new Call<>(digest, new CompletableFuture<>());
        Call<T> earlier = calls.putIfAbsent(key, mine);
        if (earlier != null) {
            return repeated(key, digest, earlier);
        }
        try {
            T result = work.get();
            mine.result.complete(result);
            return result;
        } catch (RuntimeException | Error e) {
            calls.remove(key, mine);
            mine.result.completeExceptionally(e);
            throw e;
        }
    }

    private static <T> T repeated(Key key, String digest, Call<T> earlier) {
        if (!earlier.digest.equals(digest)) {
            throw new JobException(new Failure.RequestIdReused(key.requestId));
        }
        try {
            return earlier.result.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof JobException failure ? new JobException(failure.failure(), e) : e;
        }
    }

    /** Enters what an earlier engine did. */
    void remember(Key key, String digest, T result) {
        calls.put(key, new Call<>(digest, CompletableFuture.completedFuture(result)));
    }

    /** Lets the key be used again. */
    void forget(Key key) {
        calls.remove(key);
    }
}
