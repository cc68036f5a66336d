package dev.jobworker.api.auth;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.core.JobFilter;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobState;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;

/**
 * Where the next page of a list begins: the last job of the page before, and a hash of the filter that it belongs to.
 *
 * <p>A forged token gives no rights: it is a position among the jobs that the caller may see anyway.
 */
final class PageToken {
    private static final byte VERSION = 1;
    private static final int HASH_BYTES = 16;
    private static final int BYTES = 1 + 2 * Long.BYTES + HASH_BYTES;
    private static final int TEXT_LENGTH = (BYTES * 8 + 5) / 6;

    private PageToken() {}

    static String of(JobId last, JobFilter filter) {
        ByteBuffer token = ByteBuffer.allocate(BYTES)
                .put(VERSION)
                .putLong(last.value().getMostSignificantBits())
                .putLong(last.value().getLeastSignificantBits())
                .put(hash(filter));
        return Base64.getUrlEncoder().withoutPadding().encodeToString(token.array());
    }

    /** Returns the last job of the page before, or throws PAGE_TOKEN_INVALID. */
    static JobId parse(String text, JobFilter filter) {
        try {
            if (text.length() != TEXT_LENGTH) {
                throw invalid("is not one of this server");
            }
            ByteBuffer token = ByteBuffer.wrap(Base64.getUrlDecoder().decode(text));
            if (token.get() != VERSION) {
                throw invalid("is not one of this server");
            }
            JobId last = new JobId(new UUID(token.getLong(), token.getLong()));
            byte[] hash = new byte[HASH_BYTES];
            token.get(hash);
            if (!Arrays.equals(hash, hash(filter))) {
                throw invalid("belongs to a list with another filter");
            }
            return last;
        } catch (IllegalArgumentException garbage) {
            throw invalid("is not one of this server");
        }
    }

    /** Every part has its length before it, so that no two filters give the same bytes. */
    private static byte[] hash(JobFilter filter) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update((byte) filter.states().size());
            new TreeSet<JobState>(filter.states()).forEach(state -> add(digest, state.name()));
            String owner = filter.owner();
            digest.update((byte) (owner == null ? 0 : 1));
            add(digest, owner == null ? "" : owner);
            new TreeMap<>(filter.labels()).forEach((name, value) -> {
                add(digest, name);
                add(digest, value);
            });
            return Arrays.copyOf(digest.digest(), HASH_BYTES);
        } catch (NoSuchAlgorithmException everyJdkHasIt) {
            throw new IllegalStateException(everyJdkHasIt);
        }
    }

    private static void add(MessageDigest digest, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).flip());
        digest.update(bytes);
    }

    private static WorkerException invalid(String problem) {
        return new WorkerException(Reason.PAGE_TOKEN_INVALID, "page_token " + problem);
    }
}
