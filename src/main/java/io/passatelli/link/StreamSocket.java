package io.passatelli.link;

import io.passatelli.base.Limits;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A listening UNIX stream socket at a path, unix(7), for the guest's {@code -netdev stream}. The path's mode follows the umask. A socket file that
 * nobody listens at is what a process left that ended badly: it is replaced. Start-up only, and {@link #close}.
 */
public final class StreamSocket implements AutoCloseable {
    /** Where {@link #probe} looks, as passt does. */
    public static final Path DEFAULT_DIRECTORY = Path.of("/tmp");

    private static final int S_IFMT = 0xf000;
    private static final int S_IFSOCK = 0xc000;

    private final Os os;
    private final Path path;
    private final int fd;
    private final @Nullable Object fileKey;

    private StreamSocket(Os os, Path path, int fd) {
        this.os = os;
        this.path = path.toAbsolutePath(); // the process may be somewhere else when it ends
        this.fd = fd;
        fileKey = fileKey(path);
    }

    /** Listens at {@code path}. Throws with one sentence if somebody else does, if something else is there, or if the kernel refuses; {@link IllegalArgumentException} if the path is too long. */
    public static StreamSocket listen(Os os, Path path) throws IOException {
        int fd = bind(os, path);
        if (fd >= 0) {
            return new StreamSocket(os, path, fd);
        }
        throw new IOException("cannot listen at '" + path + "': " + reason(path, -fd));
    }

    /** Listens at the first of {@code directory/passt_1.socket}, {@code passt_2.socket} … that is free. Throws if none is. */
    public static StreamSocket probe(Os os, Path directory) throws IOException {
        for (Path path : paths(directory)) {
            int fd = bind(os, path);
            if (fd >= 0) {
                return new StreamSocket(os, path, fd);
            }
        }
        throw new IOException("cannot listen at any of '" + directory.resolve("passt_1.socket") + "' to 'passt_"
                + Limits.STREAM_DEFAULT_PATHS + ".socket': give a path of your own");
    }

    /** Where one listens that was given no path, in the order of trying. */
    public static List<Path> defaultPaths() {
        return paths(DEFAULT_DIRECTORY);
    }

    private static List<Path> paths(Path directory) {
        List<Path> paths = new ArrayList<>();
        for (int i = 1; i <= Limits.STREAM_DEFAULT_PATHS; i++) {
            paths.add(directory.resolve("passt_" + i + ".socket"));
        }
        return paths;
    }

    public Path path() {
        return path;
    }

    /** The listening descriptor, non-blocking. */
    int fd() {
        return fd;
    }

    /**
     * Removes the file if it is still this socket's, and closes the descriptor. In this order: while we listen nobody takes the file for one that
     * was left, so it is not replaced between the look at it and its end.
     */
    @Override
    public void close() {
        if (fileKey != null && fileKey.equals(fileKey(path))) {
            remove(path);
        }
        os.close(fd);
    }

    private static int bind(Os os, Path path) {
        SockAddr address = new SockAddr();
        address.setPath(path.toString());
        int fd = os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0);
        if (fd < 0) {
            return fd;
        }
        int rc = os.bind(fd, address);
        if (rc == -Errno.EADDRINUSE && removeStale(os, path, address)) {
            rc = os.bind(fd, address);
        }
        if (rc == 0) {
            rc = os.listen(fd, Limits.STREAM_BACKLOG);
        }
        if (rc < 0) {
            os.close(fd);
            return rc;
        }
        return fd;
    }

    /** Removes a socket file whose socket is gone. Whether it did. */
    private static boolean removeStale(Os os, Path path, SockAddr address) {
        return isSocket(path) && answer(os, address) == -Errno.ECONNREFUSED && remove(path);
    }

    private static boolean remove(Path path) {
        try {
            Files.delete(path);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * What connect(2) says to a socket of another type: {@code -EPROTOTYPE} while a stream socket holds the path, whether it listens already or
     * not, {@code -ECONNREFUSED} when none does. A stream socket of ours would be taken for a guest there.
     */
    private static int answer(Os os, SockAddr address) {
        int fd = os.socket(Socket.AF_UNIX, Socket.SOCK_DGRAM, 0);
        if (fd < 0) {
            return fd;
        }
        int rc = os.connect(fd, address);
        os.close(fd);
        return rc;
    }

    private static String reason(Path path, int errno) {
        return switch (errno) {
            case Errno.EADDRINUSE -> isSocket(path) ? "the socket is in use" : "a file that is no socket is there";
            case Errno.EACCES, Errno.EPERM -> "permission denied";
            case Errno.ENOENT ->
                "there is no directory '" + path.toAbsolutePath().getParent() + "'";
            case Errno.EMFILE, Errno.ENFILE -> "no descriptors are left";
            default -> Errno.text(errno);
        };
    }

    private static boolean isSocket(Path path) {
        try {
            int mode = (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
            return (mode & S_IFMT) == S_IFSOCK;
        } catch (IOException e) {
            return false;
        }
    }

    /** Device and inode; null where there is no such file. */
    private static @Nullable Object fileKey(Path path) {
        try {
            return Files.getAttribute(path, "unix:fileKey", LinkOption.NOFOLLOW_LINKS);
        } catch (IOException e) {
            return null;
        }
    }
}
