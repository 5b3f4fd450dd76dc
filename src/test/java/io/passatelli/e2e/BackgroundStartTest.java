package io.passatelli.e2e;

import io.passatelli.lab.Command;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/** The assembled passt (make build) without {@code -f}, as scripts and other programs start it: by root. */
@Tag("netns")
class BackgroundStartTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final String PASST =
            Command.ROOT.resolve("target/passatelli/bin/passt").toString();

    @TempDir
    private Path directory = Path.of("");

    private Path socket;
    private Path pidFile;

    @BeforeEach
    void paths() {
        socket = directory.resolve("socket");
        pidFile = directory.resolve("pid");
    }

    /** Whatever was left running by a test that failed. */
    @AfterEach
    void end() throws Exception {
        if (Files.exists(pidFile) && Files.size(pidFile) > 0) {
            ProcessHandle.of(pid()).ifPresent(ProcessHandle::destroyForcibly);
        }
    }

    private Command passt(String... options) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of(PASST, "-s", socket.toString(), "-P", pidFile.toString()));
        words.addAll(List.of(options));
        return Command.run(LIMIT, words);
    }

    private long pid() throws IOException {
        return Long.parseLong(Files.readString(pidFile).strip());
    }

    private String status(String field) throws IOException {
        return Files.readAllLines(proc().resolve("status")).stream()
                .filter(line -> line.startsWith(field + ":"))
                .findFirst()
                .orElseThrow()
                .substring(field.length() + 1)
                .strip();
    }

    private Path proc() throws IOException {
        return Path.of("/proc/" + pid());
    }

    private void terminate() throws Exception {
        ProcessHandle.of(pid()).orElseThrow().destroy();
        awaitEnd();
    }

    /** It may be a child of a process that does not ask for its end. */
    private void awaitEnd() throws Exception {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (Files.exists(proc()) && !status("State").startsWith("Z")) {
            if (System.nanoTime() > end) {
                fail("passt does not end");
            }
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    private SocketChannel connect() throws IOException {
        SocketChannel guest = SocketChannel.open(StandardProtocolFamily.UNIX);
        guest.connect(UnixDomainSocketAddress.of(socket));
        return guest;
    }

    @Test
    void commandReturnsZeroWhenTheSocketListensAndThePidFileIsWritten() throws Exception {
        Command command = passt("--runas", "0");
        assertThat(command.exitCode()).as(command.err()).isZero();
        assertThat(command.out()).isEmpty();
        assertThat(command.err()).contains("listening on " + socket);
        assertThat(Files.readString(pidFile)).matches("\\d+\n");
        assertThat(Files.readString(proc().resolve("cmdline"))).contains("java").contains(socket.toString());
        connect().close();
        terminate();
        assertThat(socket).doesNotExist();
        assertThat(pidFile).exists();
    }

    @Test
    void daemonHasASessionOfItsOwnTheRootAsItsPlaceAndNoStreams() throws Exception {
        assertThat(passt("--runas", "0").exitCode()).isZero();
        String[] stat = Files.readString(proc().resolve("stat"))
                .replaceFirst(".*\\) ", "")
                .split(" ", -1);
        assertThat(stat[3]).as("session").isEqualTo(String.valueOf(pid()));
        assertThat(Files.readSymbolicLink(proc().resolve("cwd"))).isEqualTo(Path.of("/"));
        for (String stream : List.of("0", "1", "2")) {
            assertThat(Files.readSymbolicLink(proc().resolve("fd/" + stream))).isEqualTo(Path.of("/dev/null"));
        }
        assertThat(status("NoNewPrivs")).isEqualTo("1");
        terminate();
    }

    @Test
    void relativePathsAreThoseOfWhoStartedIt() throws Exception {
        Process passt = new ProcessBuilder(
                        PASST, "-q", "--runas", "0", "-s", "socket", "-P", "pid", "-l", "log", "-p", "pcap")
                .directory(directory.toFile())
                .start();
        assertThat(passt.waitFor()).isZero();
        connect().close();
        assertThat(directory).isDirectoryContaining("glob:**/log").isDirectoryContaining("glob:**/pcap");
        terminate();
        assertThat(socket).doesNotExist();
    }

    @Test
    void startThatFailsReturnsOneWithItsReasonAndLeavesNothingRunning() throws Exception {
        Path taken = Files.createDirectory(directory.resolve("taken"));
        Command command = passt("-p", taken.toString());
        assertThat(command.exitCode()).isEqualTo(1);
        assertThat(command.err()).contains("error: ").contains(taken.toString());
        assertThat(pidFile).isEmptyFile();
        assertThat(socket).doesNotExist();
        Command options = passt("--no-such-option");
        assertThat(options.exitCode()).isEqualTo(1);
        assertThat(options.err()).contains("unknown option '--no-such-option'");
    }

    @Test
    void secondAtTheSameSocketFailsAndLeavesTheFirstItsPidFile() throws Exception {
        assertThat(passt("--runas", "0").exitCode()).isZero();
        long first = pid();
        Command second = passt("--runas", "0");
        assertThat(second.exitCode()).isEqualTo(1);
        assertThat(second.err()).contains("the socket is in use");
        assertThat(pid()).isEqualTo(first);
        terminate();
    }

    /** Nobody would know that it is there. */
    @Test
    void startThatNobodyWaitsForAnyMoreIsGivenUp() throws Exception {
        Process launcher = new ProcessBuilder(PASST, "-q", "--runas", "0", "-s", socket.toString()).start();
        TimeUnit.MILLISECONDS.sleep(50);
        launcher.destroyForcibly();
        long end = System.nanoTime() + LIMIT.toNanos();
        while (isServed()) {
            assertThat(System.nanoTime()).isLessThan(end);
            TimeUnit.MILLISECONDS.sleep(20);
        }
        assertThat(socket).doesNotExist();
    }

    /** Whether a process names our socket. */
    private boolean isServed() {
        return ProcessHandle.allProcesses()
                .flatMap(process -> process.info().arguments().stream())
                .flatMap(Stream::of)
                .anyMatch(socket.toString()::equals);
    }

    @Test
    void rootBecomesNobodyInEveryThreadAndHasNoCapability() throws Exception {
        assertThat(passt().err()).contains("started as root");
        try (Stream<Path> threads = Files.list(proc().resolve("task"))) {
            List<Path> all = threads.toList();
            assertThat(all).hasSizeGreaterThan(5);
            for (Path thread : all) {
                String text = Files.readString(thread.resolve("status"));
                assertThat(text)
                        .contains("\nUid:\t65534\t65534\t65534\t65534\n")
                        .contains("\nGid:\t65534\t65534\t65534\t65534\n")
                        .containsPattern("\nGroups:\\s*\n")
                        .contains("\nCapPrm:\t0000000000000000\n")
                        .contains("\nCapEff:\t0000000000000000\n")
                        .contains("\nCapAmb:\t0000000000000000\n");
            }
        }
        connect().close();
        terminate();
    }

    @Test
    void runasNamesUserAndGroup() throws Exception {
        assertThat(passt("--runas", "daemon:1234").exitCode()).isZero();
        assertThat(status("Uid")).startsWith("1\t");
        assertThat(status("Gid")).startsWith("1234\t");
        terminate();
    }

    @Test
    void rootOpensWhatNobodyCouldNot() throws Exception {
        Files.setPosixFilePermissions(directory, java.nio.file.attribute.PosixFilePermissions.fromString("rwx------"));
        Command command = passt("-l", directory.resolve("log").toString(), "-t", "127.0.0.1/79");
        if (command.err().contains("127.0.0.1/79")) {
            command = passt("-l", directory.resolve("log").toString(), "-t", "79");
        }
        assertThat(command.exitCode()).as(command.err()).isZero();
        assertThat(Files.readString(directory.resolve("log"))).contains("listening on");
        assertThat(status("Uid")).startsWith("65534\t");
        terminate();
    }

    @Test
    void onlyRootBecomesAnother() throws Exception {
        Command command = Command.run(
                LIMIT,
                List.of(
                        "scripts/unprivileged.sh",
                        "-r",
                        Command.ROOT.resolve("target/passatelli").toString(),
                        "-r",
                        Files.readString(Command.ROOT.resolve("target/passatelli/lib/java-home"))
                                .strip(),
                        "65534",
                        PASST,
                        "--runas",
                        "7"));
        assertThat(command.exitCode()).isEqualTo(1);
        assertThat(command.err())
                .contains("--runas: cannot become user 7, group 7")
                .contains("only root can");
    }

    /** A caller that reads a pipe to its end would wait for as long as the network runs. */
    @Test
    void descriptorsOfTheCallerAreClosed() throws Exception {
        Process shell = new ProcessBuilder(
                        "sh",
                        "-c",
                        "{ '%s' -q --runas 0 -s '%s' -P '%s' 9>&1 7>&1 6<&0; } 2>&1 | cat"
                                .formatted(PASST, socket, pidFile))
                .start();
        try (InputStream out = shell.getInputStream()) {
            assertThat(out.readAllBytes()).isEmpty();
        }
        assertThat(shell.waitFor()).isZero();
        connect().close();
        terminate();
    }

    @Test
    void oneOffEndsWhenItsGuestLeaves() throws Exception {
        assertThat(passt("--one-off", "--runas", "0").exitCode()).isZero();
        connect().close();
        awaitEnd();
    }

    @ParameterizedTest
    @ValueSource(strings = {"-f", "--foreground", "-qf", "-fq", "-q4f"})
    void foregroundIsTheProcessThatWasStarted(String option) throws Exception {
        Process passt = new ProcessBuilder(
                        PASST, option, "--runas", "0", "-s", socket.toString(), "-P", pidFile.toString())
                .start();
        long end = System.nanoTime() + LIMIT.toNanos();
        while ((!Files.exists(pidFile) || Files.size(pidFile) == 0) && System.nanoTime() < end) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
        assertThat(pid()).isEqualTo(passt.pid());
        passt.destroy();
        assertThat(passt.waitFor()).isZero();
    }

    /** As getopt(3) reads it. */
    @Test
    void valueThatLooksLikeTheOptionIsNone() throws Exception {
        Process passt = new ProcessBuilder(PASST, "-q", "--runas", "0", "-s", "-f", "-P", pidFile.toString())
                .directory(directory.toFile())
                .start();
        assertThat(passt.waitFor()).isZero();
        assertThat(directory.resolve("-f")).exists();
        terminate();
    }

    /** The names of the next are those of passt's own tests. */
    @Test
    void logCreationAndLogTruncatedOnCreation() throws Exception {
        Path log = directory.resolve("log");
        assertThat(passt("-l", log.toString()).exitCode()).isZero();
        assertThat(Files.readAllLines(log).getFirst())
                .matches("passt: passatelli \\d.*: " + PASST + " \\(" + pid() + "\\)");
        terminate();
        long first = pid();
        Files.delete(socket);
        Command again = passt("-q", "-l", log.toString(), "--runas", "0");
        assertThat(again.exitCode()).as(again.err()).isZero();
        assertThat(again.err()).isEmpty();
        assertThat(pid()).isNotEqualTo(first);
        assertThat(Files.readString(log))
                .startsWith("passt: ")
                .contains("(" + pid() + ")")
                .doesNotContain("(" + first + ")");
        terminate();
    }

    @Test
    void statsNeedTheForegroundAndAreATable() throws Exception {
        assertThat(passt("--stats", "1").err()).contains("--stats: needs -f");
        Process passt =
                new ProcessBuilder(PASST, "-f", "-q", "--stats", "1", "--runas", "0", "-s", socket.toString()).start();
        try (var lines = passt.errorReader()) {
            assertThat(lines.readLine()).matches("frames from the guest +0");
        }
        passt.destroy();
        assertThat(passt.waitFor()).isZero();
    }
}
