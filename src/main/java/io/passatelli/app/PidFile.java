package io.passatelli.app;

import io.passatelli.base.IoReason;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** Where the process says its number, for who wants to end it. Stays when the process ends, as with passt(1): its directory may not be ours any more. */
final class PidFile {
    private final Path file;
    private static final Set<StandardOpenOption> OPTIONS = Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    private static final FileAttribute<?> MODE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r--r--"));

    private final FileChannel channel;

    private PidFile(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /** What it says now may be of another process, which has the socket that we want as well: it stays until we are ready. */
    static PidFile open(Path file) throws IOException {
        try {
            return new PidFile(file, FileChannel.open(file, OPTIONS, MODE));
        } catch (IOException e) {
            throw refused(file, e);
        }
    }

    /** Once. */
    void write(int pid) throws IOException {
        try (channel) {
            channel.truncate(0);
            channel.write(ByteBuffer.wrap((pid + "\n").getBytes(StandardCharsets.US_ASCII)));
        } catch (IOException e) {
            throw refused(file, e);
        }
    }

    private static IOException refused(Path file, IOException why) {
        return new IOException("-P, --pid: cannot write '" + file + "': " + IoReason.of(why), why);
    }
}
