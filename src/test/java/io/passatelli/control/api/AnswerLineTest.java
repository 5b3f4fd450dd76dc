package io.passatelli.control.api;

import io.passatelli.base.Limits;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class AnswerLineTest {
    private static final FlowsAnswer.Flow TCP = new FlowsAnswer.Flow(
            "tcp",
            "guest",
            "192.0.2.10:40000",
            "198.51.100.1:443",
            "10.0.0.1:51000",
            "established",
            1L,
            2L,
            3L,
            4L,
            5L,
            6L,
            7L,
            8L,
            9L,
            10L,
            11L);
    private static final FlowsAnswer.Flow PING = new FlowsAnswer.Flow(
            "icmp",
            "guest",
            "192.0.2.10",
            "198.51.100.1",
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null);

    static Stream<Record> answers() {
        return Stream.of(
                new StatusAnswer(
                        "passatelli 0.1.0",
                        12,
                        34,
                        true,
                        null,
                        List.of("192.0.2.10"),
                        new StatusAnswer.FlowCounts(3, 1, null, 2),
                        4,
                        new StatusAnswer.Traffic(5, 6),
                        new StatusAnswer.Traffic(7, 8),
                        0,
                        new StatusAnswer.Memory(9, 10, null)),
                new FlowsAnswer(5, List.of(TCP, PING)),
                new DropsAnswer(7, List.of(new DropsAnswer.Count("TCP_GAP", Long.MAX_VALUE))),
                new ForwardsAnswer(List.of(
                        new ForwardsAnswer.Forward("tcp:80", true, 2, 2, null),
                        new ForwardsAnswer.Forward("tcp:81", false, 0, 2, "in use\u001b[2J\n"))),
                new CaptureAnswer("/tmp/f", true, 1, 2),
                new VersionAnswer("passatelli 0.1.0", 1));
    }

    private static String text(byte[] line) {
        return new String(line, StandardCharsets.US_ASCII);
    }

    @ParameterizedTest
    @MethodSource("answers")
    void whatIsWrittenIsReadAsItWas(Record answer) throws Exception {
        byte[] line = AnswerLine.of(null, answer);
        assertThat(text(line)).matches("\\{\"answer\":\\{\\p{Print}*}}\n");
        Record read = AnswerLine.read(text(line), answer.getClass());
        assertThat(read).isEqualTo(answer);
    }

    @Test
    void idComesBackAsItWas() {
        VersionAnswer version = new VersionAnswer("v", 1);
        assertThat(text(AnswerLine.of(7L, version))).startsWith("{\"id\":7,\"answer\":{");
        assertThat(text(AnswerLine.of("sev\"en", version))).startsWith("{\"id\":\"sev\\\"en\",\"answer\":{");
        ControlException error = new ControlException(ControlException.BUSY, "later");
        assertThat(text(AnswerLine.of(7L, error)))
                .isEqualTo("{\"id\":7,\"error\":{\"code\":\"busy\",\"message\":\"later\"}}\n");
        assertThat(text(AnswerLine.of(null, error)))
                .isEqualTo("{\"error\":{\"code\":\"busy\",\"message\":\"later\"}}\n");
    }

    @Test
    void errorOfTheServerIsThrownWithItsCode() {
        String line = "{\"error\":{\"code\":\"refused\",\"message\":\"no\"}}";
        assertThatThrownBy(() -> AnswerLine.read(line, VersionAnswer.class))
                .isInstanceOfSatisfying(
                        ControlException.class, e -> assertThat(e.code()).isEqualTo("refused"))
                .hasMessage("no");
    }

    @Test
    void newerServerMaySayMore() throws Exception {
        String line = "{\"answer\":{\"version\":\"v\",\"api\":2,\"new\":{\"a\":1}},\"also\":[]}";
        assertThat(AnswerLine.read(line, VersionAnswer.class)).isEqualTo(new VersionAnswer("v", 2));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x", "[]", "1", "{}", "{\"answer\":7}", "{\"answer\":{\"api\":\"x\"}}"})
    void whatNoServerOfOursSaysIsAnIoException(String line) {
        assertThatThrownBy(() -> AnswerLine.read(line, VersionAnswer.class)).isInstanceOf(IOException.class);
    }

    @Test
    void answerThatIsTooLongIsAnErrorInstead() {
        FlowsAnswer flows = new FlowsAnswer(1, Collections.nCopies(Limits.CONTROL_ANSWER_BYTES / 100, TCP));
        assertThat(text(AnswerLine.of(7L, flows))).startsWith("{\"id\":7,\"error\":{\"code\":\"too-long\"");
    }

    @Test
    void asManyFlowsAsMayBeAskedForFit() {
        FlowsAnswer flows = new FlowsAnswer(1, Collections.nCopies(Limits.CONTROL_FLOWS, TCP));
        assertThat(AnswerLine.of(null, flows)).hasSizeBetween(1, Limits.CONTROL_ANSWER_BYTES / 2);
    }
}
