package io.passatelli.app;

import io.passatelli.lab.Command;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import static org.assertj.core.api.Assertions.assertThat;

/** The launcher reads the options of passt far enough to know whether it waits: what it knows of them has to be what there is. */
class LauncherTest {
    private static final Path LAUNCHER = Command.ROOT.resolve("src/main/sh/passatelli");

    @Test
    void knowsWhichOptionsTakeAValue() throws IOException {
        String script = Files.readString(LAUNCHER);
        Set<String> known = new TreeSet<>();
        Matcher longNames =
                Pattern.compile("(?s)(--socket \\|.*?)\\) takes_next").matcher(script);
        assertThat(longNames.find()).isTrue();
        Pattern.compile("[|\\\\\\s]+").splitAsStream(longNames.group(1)).forEach(known::add);
        Matcher letters = Pattern.compile("\\[(s[A-Za-z]*)\\]\\)").matcher(script);
        assertThat(letters.find()).isTrue();
        letters.group(1).chars().forEach(letter -> known.add("-" + (char) letter));

        Set<String> there = new TreeSet<>();
        for (OptionSpec option :
                new CommandLine(new PasstOptions()).getCommandSpec().options()) {
            if (option.arity().max() > 0) {
                there.addAll(Set.of(option.names()));
            }
        }
        assertThat(known).isEqualTo(there);
    }
}
