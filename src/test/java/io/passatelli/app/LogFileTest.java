package io.passatelli.app;

import io.passatelli.base.Limits;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The log in a file. The names in the first part are those of passt's own tests of it. */
class LogFileTest {
    private static final String HEADER = "passt: passatelli 1.2.3: /usr/bin/passt (77)";
    private static final int CAP = 100 * 1024;
    private static final int FLOODS = 3;
    private static final int FLOOD_LINES = 4_000;

    @TempDir
    private Path disk = Path.of("");

    private long nowNs = 5_000_000_000L;

    private LogFile log(Path file) throws IOException {
        return LogFile.create(file, CAP, () -> nowNs, HEADER);
    }

    private void flood(LogFile log) {
        for (int i = 0; i < FLOOD_LINES; i++) {
            nowNs += 123_456;
            log.write("debug: connection " + i + " from 10.77.0.3 was refused");
        }
    }

    private static List<Double> stamps(Path file) throws IOException {
        List<String> lines = Files.readAllLines(file);
        return lines.subList(1, lines.size()).stream()
                .map(line -> {
                    assertThat(line).matches("\\d+\\.\\d{4}: .*");
                    return Double.valueOf(line.substring(0, line.indexOf(':')));
                })
                .toList();
    }

    @Test
    void logTruncatedOnCreation() throws IOException {
        Path file = Files.writeString(disk.resolve("log"), "what another process left\n".repeat(50));
        log(file);
        assertThat(file).hasContent(HEADER);
    }

    @Test
    void maximumLogSizeAndTimestampConsistencyAfterRotations() throws IOException {
        floods(disk.resolve("log"));
    }

    @Test
    void maximumLogSizeAndTimestampConsistencyOnTmpfs() throws IOException {
        Path directory = Files.createTempDirectory(Path.of("/dev/shm"), "passatelli");
        Path file = directory.resolve("log");
        try {
            floods(file);
        } finally {
            Files.deleteIfExists(file);
            Files.delete(directory);
        }
    }

    private void floods(Path file) throws IOException {
        LogFile log = log(file);
        for (int i = 0; i < FLOODS; i++) {
            flood(log);
            assertThat(Files.size(file)).isBetween(CAP / 2L, (long) CAP);
            assertThat(Files.readAllLines(file)).first().isEqualTo(HEADER);
            assertThat(stamps(file)).isSorted().hasSizeGreaterThan(500);
        }
        assertThat(Files.readAllLines(file)).last().asString().contains("connection " + (FLOOD_LINES - 1) + " ");
    }

    @Test
    void capIsNeverExceededNorMuchMoreThanTheOldestThirdLost() throws IOException {
        Path file = disk.resolve("log");
        LogFile log = log(file);
        long before = 0;
        for (int i = 0; i < 5 * FLOOD_LINES; i++) {
            log.write("x".repeat(i % 300));
            long size = Files.size(file);
            assertThat(size).isLessThanOrEqualTo(CAP);
            if (size < before) {
                assertThat(size).isBetween(CAP * 65L / 100, CAP * 75L / 100);
            }
            before = size;
        }
    }

    @Test
    void stampsAreSecondsSinceTheStartWithFourDecimals() throws IOException {
        Path file = disk.resolve("log");
        LogFile log = log(file);
        nowNs += 1_000_000;
        log.write("one");
        nowNs += 61_022_345_678L;
        log.write("two");
        assertThat(Files.readAllLines(file)).containsExactly(HEADER, "0.0010: one", "61.0233: two");
    }

    @Test
    void longLineIsCut() throws IOException {
        Path file = disk.resolve("log");
        log(file).write("y".repeat(2 * CAP));
        assertThat(Files.readAllLines(file)).hasSize(2).last().asString().hasSize(Limits.LOG_LINE_BYTES - 1);
    }

    @Test
    void fileThatSomebodyCutIsGoneOnWith() throws IOException {
        Path file = disk.resolve("log");
        LogFile log = log(file);
        flood(log);
        Files.write(file, new byte[0], StandardOpenOption.TRUNCATE_EXISTING);
        log.write("still there");
        assertThat(Files.readString(file)).endsWith(": still there\n").hasLineCount(1);
    }

    @Test
    void onlyItsOwnerReadsIt() throws IOException {
        Path file = disk.resolve("log");
        log(file);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
    }

    @Test
    void placeThatCannotBeIsOneSentence() {
        Path file = disk.resolve("no/log");
        assertThatThrownBy(() -> log(file))
                .isInstanceOf(IOException.class)
                .hasMessage("-l, --log-file: cannot write '" + file + "': No such file or directory");
    }
}
