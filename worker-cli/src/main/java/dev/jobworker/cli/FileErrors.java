package dev.jobworker.cli;

import java.io.IOException;
import java.net.BindException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** What is wrong with a file, in words: the messages of Java's exceptions are often only the path. */
final class FileErrors {
    private FileErrors() {}

    /** Returns "path: why". */
    static String describe(Path file, IOException e) {
        return file + ": " + why(e);
    }

    /** Returns why, with the path if Java says which. */
    static String describe(IOException e) {
        if (e.getCause() instanceof BindException bind) {
            return why(bind); // wrapped by transports in a message without the reason
        }
        return e instanceof FileSystemException system && system.getFile() != null
                ? system.getFile() + ": " + why(e)
                : why(e);
    }

    private static String why(IOException e) {
        return switch (e) {
            case NoSuchFileException _ -> "no such file or directory";
            case AccessDeniedException _ -> "permission denied";
            case FileAlreadyExistsException _ -> "exists already";
            case NotDirectoryException _ -> "not a directory";
            case FileSystemException system when system.getReason() != null -> system.getReason();
            default -> {
                @Nullable String message = e.getMessage();
                yield message == null ? e.getClass().getSimpleName() : message;
            }
        };
    }
}
