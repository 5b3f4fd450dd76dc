package io.passatelli;

import io.passatelli.lab.Command;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/** What compilers and formatters do not look at. */
class TidyTest {
    private static final Path ROOT = Command.ROOT;
    private static final int FILE_LINES = 500;
    private static final Pattern LEFT_OVER = Pattern.compile("\\b(TO" + "DO|FIX" + "ME|XX" + "X)\\b");
    private static final Pattern WILDCARD = Pattern.compile("import .*\\*;");
    private static final Pattern LINK = Pattern.compile("]\\(([^)#\\s]+)(#[^)\\s]*)?\\)");
    private static final Pattern MENTIONED = Pattern.compile("\\b([A-Z]\\w*[a-z]\\w*)\\.([a-z]\\w*)\\b");

    @Test
    void nothingIsLeftForLaterAndNoImportIsAWildcard() throws IOException {
        List<String> found = new ArrayList<>();
        for (Path file : files(ROOT.resolve("src"), TidyTest::isText)) {
            for (String line : Files.readAllLines(file)) {
                if (LEFT_OVER.matcher(line).find() || WILDCARD.matcher(line).lookingAt()) {
                    found.add(ROOT.relativize(file) + ": " + line.strip());
                }
            }
        }
        assertThat(found).isEmpty();
    }

    @Test
    void noFileIsLong() throws IOException {
        for (Path file : files(ROOT.resolve("src/main"), TidyTest::isText)) {
            assertThat(Files.readAllLines(file)).as("%s", file).hasSizeLessThanOrEqualTo(FILE_LINES);
        }
    }

    @Test
    void linksOfTheDocumentsResolve() throws IOException {
        List<Path> documents = new ArrayList<>(files(ROOT.resolve("docs"), file -> isNamed(file, ".md")));
        documents.add(ROOT.resolve("README.md"));
        List<String> broken = new ArrayList<>();
        for (Path document : documents) {
            LINK.matcher(Files.readString(document))
                    .results()
                    .map(link -> link.group(1))
                    .filter(to -> !to.contains(":")) // https and the like
                    .filter(to -> !Files.exists(document.resolveSibling(to)))
                    .forEach(to -> broken.add(ROOT.relativize(document) + " -> " + to));
        }
        assertThat(broken).isEmpty();
    }

    @Test
    void methodsThatTheArchitectureNamesExist() throws IOException {
        List<Path> sources = files(ROOT.resolve("src"), file -> isNamed(file, ".java"));
        List<MatchResult> mentioned = MENTIONED
                .matcher(Files.readString(ROOT.resolve("docs/ARCHITECTURE.md")))
                .results()
                .toList();
        assertThat(mentioned).isNotEmpty();
        for (MatchResult mention : mentioned) {
            List<Path> type = sources.stream()
                    .filter(file -> file.getFileName().toString().equals(mention.group(1) + ".java"))
                    .toList();
            assertThat(type).as("source of %s", mention.group()).isNotEmpty();
            Pattern method = Pattern.compile("\\b" + mention.group(2) + "\\(");
            boolean isThere = false;
            for (Path file : type) {
                isThere |= method.matcher(Files.readString(file)).find();
            }
            assertThat(isThere).as("%s", mention.group()).isTrue();
        }
    }

    private static boolean isText(Path file) {
        return Stream.of(".java", ".c", ".sh", ".py", ".properties", ".txt").anyMatch(end -> isNamed(file, end));
    }

    private static boolean isNamed(Path file, String end) {
        return file.getFileName().toString().endsWith(end);
    }

    private static List<Path> files(Path directory, Predicate<Path> wanted) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(Files::isRegularFile).filter(wanted).sorted().toList();
        }
    }
}
