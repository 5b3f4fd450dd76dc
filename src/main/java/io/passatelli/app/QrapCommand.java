package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.link.StreamSocket;
import io.passatelli.os.Errno;
import io.passatelli.os.LinuxOs;
import org.jspecify.annotations.Nullable;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The qrap role: connects to a passt that is free and becomes QEMU, whose network that connection is. For a QEMU before 7.2, which has no
 * {@code -netdev stream}; the socket back-end frames the same way.
 */
final class QrapCommand {
    private static final String USAGE = """
            Usage: qrap FD QEMU [ARGUMENTS]
            Runs QEMU with a network card whose frames pass a passt, by the connected socket FD (3 or above). What the
            arguments say of networks and network cards is left out. passt is the first at /tmp/passt_1.socket and on
            that answers; QRAP_SOCKET names another path.""";

    private static final int LOWEST_FD = 3;
    private static final int HIGHEST_FD = 1_023;
    private static final int ATTEMPTS = 50;
    private static final int PAUSE_MS = 50;

    private final LinuxOs os = new LinuxOs();
    private final PasstProbe probe = new PasstProbe(os, Clock.system());

    private QrapCommand() {}

    /** Returns the exit code, if QEMU could not be started. */
    static int run(String... args) {
        if (args.length == 1 && (args[0].equals("-h") || args[0].equals("--help"))) {
            System.out.println(USAGE);
            return ExitCode.OK;
        }
        if (args.length == 1 && args[0].equals("--version")) {
            System.out.println(Version.line());
            return ExitCode.OK;
        }
        if (args.length < 2) {
            System.err.println(USAGE);
            return ExitCode.FAILURE;
        }
        try {
            String named = System.getenv("QRAP_SOCKET");
            Path only = named == null || named.isEmpty() ? null : Path.of(named);
            return new QrapCommand()
                    .become(descriptor(args[0]), args[1], Arrays.asList(args).subList(2, args.length), only);
        } catch (IllegalArgumentException | IllegalStateException e) {
            System.err.println("qrap: " + e.getMessage());
            return ExitCode.FAILURE;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return ExitCode.FAILURE;
        }
    }

    private static int descriptor(String text) {
        try {
            int fd = Integer.parseInt(text);
            if (fd >= LOWEST_FD && fd <= HIGHEST_FD) {
                return fd;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException("'" + text + "' is no descriptor from " + LOWEST_FD + " to " + HIGHEST_FD);
    }

    private int become(int fd, String program, List<String> arguments, @Nullable Path only)
            throws InterruptedException {
        List<String> words = new ArrayList<>(List.of(program));
        words.addAll(QemuArguments.onSocket(program, arguments, fd));
        int connection = connect(only);
        Launch launch = Launch.ofThisProcess();
        if (launch.byLauncher()) {
            Descriptors.keepFromNextProgram(os, launch);
        }
        if (connection == fd) {
            connection = Errno.check(
                    "dup", os.duplicate(fd, HIGHEST_FD + 1)); // dup2(2) to itself would leave it to be closed
        }
        int ignored = os.pid(); // loads what os.become needs: fd may be where the JVM has its classes from
        Errno.check("dup2", os.duplicate(connection, fd));
        os.close(connection);
        int rc = os.become(words);
        throw new IllegalStateException("cannot run '" + program + "': " + Errno.text(-rc));
    }

    private int connect(@Nullable Path only) throws InterruptedException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            for (Path path : only == null ? StreamSocket.defaultPaths() : List.of(only)) {
                int fd = Files.exists(path) ? probe.connect(path) : -Errno.ENOENT;
                if (fd >= 0) {
                    return fd;
                }
            }
            TimeUnit.MILLISECONDS.sleep(PAUSE_MS);
        }
        throw new IllegalStateException("no passt is free at "
                + (only == null ? StreamSocket.defaultPaths().getFirst() + " and on" : only));
    }
}
