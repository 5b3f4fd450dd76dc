package io.passatelli.app;

import io.passatelli.base.Log;
import io.passatelli.hook.SidecarState;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where a sidecar leaves its {@link SidecarState} for the process that may take its place. Without the file, or the disk, all else works. One thread at
 * a time.
 */
final class StateFile {
    private final Path file;
    private final String binding;
    private final Log log;
    /** In the file; null: nothing is, or it could not be written. */
    private @Nullable SidecarState kept;

    private boolean complained;

    /** {@code binding}: the name of ours. */
    StateFile(Path file, String binding, Log log) {
        this.file = file;
        this.binding = binding;
        this.log = log;
    }

    /** What the process before this one left; null: nothing, or nothing that makes sense. */
    @Nullable
    SidecarState read() {
        try {
            return SidecarState.read(file, binding);
        } catch (IOException | RuntimeException e) {
            log.warn("what a process before this one left is not taken up: " + e.getMessage());
            return null;
        }
    }

    /** Is written if it is not what the file has. */
    void keep(SidecarState state) {
        if (state.equals(kept)) {
            return;
        }
        try {
            state.write(file, binding);
            kept = state;
        } catch (IOException e) {
            if (!complained) {
                log.warn("'" + file + "' cannot be written, so a process that takes the place of this one would know"
                        + " no VM: " + e);
            }
            complained = true;
        }
    }

    void remove() {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            log.warn("'" + file + "' stays: " + e);
        }
    }
}
