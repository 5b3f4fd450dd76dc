package io.passatelli.control.server;

import io.passatelli.base.Limits;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;

import static jdk.net.ExtendedSocketOptions.SO_PEERCRED;

/** A listening UNIX socket for our own user and root. Whoever else gets there in spite of its mode (0600) is known by SO_PEERCRED, unix(7). */
final class ControlSocket implements AutoCloseable {
    private static final int PATH_BYTES = 107; // sun_path with its NUL, unix(7)
    private static final int S_IFMT = 0xF000;
    private static final int S_IFSOCK = 0xC000;

    private final ServerSocketChannel channel;
    private final Path path;
    private final Object fileKey;
    private final UserPrincipal owner;
    private final UserPrincipal root;

    private ControlSocket(ServerSocketChannel channel, Path path) throws IOException {
        this.channel = channel;
        this.path = path.toAbsolutePath(); // the process may go elsewhere
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
        fileKey = key(path);
        owner = Files.getOwner(path);
        root = path.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName("0");
        channel.configureBlocking(false);
    }

    /** Throws {@link IOException} with one sentence. A socket that nobody listens at any more is removed first; nothing else ever is. */
    static ControlSocket listen(Path path) throws IOException {
        try {
            checkPlace(path);
            return bind(path);
        } catch (IOException e) {
            throw new IOException("cannot listen on '" + path + "': " + e.getMessage(), e);
        }
    }

    private static ControlSocket bind(Path path) throws IOException {
        ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        boolean bound = false;
        try {
            channel.bind(UnixDomainSocketAddress.of(path), Limits.CONTROL_BACKLOG);
            bound = true;
            return new ControlSocket(channel, path);
        } catch (IOException e) {
            channel.close();
            if (bound) {
                Files.deleteIfExists(path);
            }
            throw e;
        }
    }

    private static void checkPlace(Path path) throws IOException {
        if (path.toString().getBytes(StandardCharsets.UTF_8).length > PATH_BYTES) {
            throw new IOException("a socket's path has at most " + PATH_BYTES + " bytes");
        }
        Path directory = path.toAbsolutePath().getParent();
        if (directory == null || !Files.isDirectory(directory)) {
            throw new IOException("there is no directory '" + directory + "'");
        }
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        int mode = (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
        if ((mode & S_IFMT) != S_IFSOCK) {
            throw new IOException("a file that is no socket is there");
        }
        if (!isStale(path)) {
            throw new IOException("the socket is in use");
        }
        Files.delete(path);
    }

    /** Whether nobody listens at it; without waiting for who does and is busy. */
    private static boolean isStale(Path path) throws IOException {
        try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            probe.configureBlocking(false);
            probe.connect(UnixDomainSocketAddress.of(path));
            return false;
        } catch (ConnectException e) {
            return true;
        }
    }

    ServerSocketChannel channel() {
        return channel;
    }

    /** Whether this client is our user's or root's. */
    boolean mayTalk(SocketChannel client) throws IOException {
        UserPrincipal user = client.getOption(SO_PEERCRED).user();
        return user.equals(owner) || user.equals(root);
    }

    private static @Nullable Object fileKeyOrNull(Path path) {
        try {
            return key(path);
        } catch (IOException e) {
            return null;
        }
    }

    /** Device and inode. */
    private static Object key(Path path) throws IOException {
        return Files.getAttribute(path, "unix:fileKey", LinkOption.NOFOLLOW_LINKS);
    }

    /** Stops listening, and removes the socket file if it is still this one. */
    @Override
    public void close() throws IOException {
        channel.close();
        if (fileKey.equals(fileKeyOrNull(path))) {
            Files.delete(path);
        }
    }
}
