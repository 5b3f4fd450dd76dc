package io.passatelli.host;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;

/**
 * Tells whether what is at a path is not what it was: written to, replaced by a rename, gone or come, or behind a symbolic link that now leads
 * elsewhere. One stat(2) each time, which works for whatever the path is made of. One thread.
 */
final class FileStamp {
    private record Stamp(
            FileTime modified, long size, @Nullable Object key) {}

    private final Path path;
    private @Nullable Stamp last;

    FileStamp(Path path) {
        this.path = path;
        last = stamp();
    }

    /** Since this was asked before, or since the beginning. */
    boolean hasChanged() {
        Stamp now = stamp();
        boolean changed = now == null ? last != null : !now.equals(last);
        last = now;
        return changed;
    }

    /** Null: nothing that can be looked at. */
    private @Nullable Stamp stamp() {
        try {
            BasicFileAttributes file = Files.readAttributes(path, BasicFileAttributes.class);
            return new Stamp(file.lastModifiedTime(), file.size(), file.fileKey());
        } catch (IOException e) {
            return null;
        }
    }
}
