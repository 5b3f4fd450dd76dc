package io.passatelli.control.api;

import io.passatelli.base.Limits;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class RequestLineTest {
    static Stream<Request> requests() {
        return Stream.of(
                new Request.Status(),
                new Request.Flows(null),
                new Request.Flows(7),
                new Request.Drops(),
                new Request.Forwards(),
                new Request.SetForwards(List.of()),
                new Request.SetForwards(List.of("tcp:8080:80", "udp:53/4", "Grüße")),
                new Request.StartCapture("/tmp/f.pcap", null, null),
                new Request.StartCapture("/tmp/f.pcap", List.of("port", "53"), 1_000_000_000_000L),
                new Request.StopCapture(),
                new Request.Version());
    }

    private static RequestLine line(String text) throws ControlException {
        return RequestLine.read(text.getBytes(StandardCharsets.UTF_8));
    }

    /** What a line that is refused is answered with. */
    private static String refusal(String text, String code) {
        try {
            Request request = line(text).request();
            throw new AssertionError("taken for " + request);
        } catch (ControlException e) {
            assertThat(e.code()).isEqualTo(code);
            assertThat(e.sentence()).doesNotContainPattern("\\p{Cntrl}").hasSizeLessThan(200);
            return e.sentence();
        }
    }

    @ParameterizedTest
    @MethodSource("requests")
    void whatIsWrittenIsReadAsItWas(Request request) throws ControlException {
        byte[] line = RequestLine.write(request);
        assertThat(new String(line, StandardCharsets.US_ASCII)).endsWith("}\n").hasLineCount(1);
        RequestLine read = RequestLine.read(line);
        assertThat(read.id()).isNull();
        assertThat(read.request()).isEqualTo(request);
    }

    @Test
    void requestIsAnObjectWithItsNameAndItsMembers() throws ControlException {
        assertThat(line("{\"request\":\"set-forwards\",\"rules\":[\"tcp:80\"]}").request())
                .isEqualTo(new Request.SetForwards(List.of("tcp:80")));
        assertThat(line("{\"most\": 3, \"request\": \"flows\"}").request()).isEqualTo(new Request.Flows(3));
        assertThat(line("{\"request\":\"start-capture\",\"file\":\"/f\"}").request())
                .isEqualTo(new Request.StartCapture("/f", null, null));
    }

    @Test
    void idIsAnIntegerOrAShortText() throws ControlException {
        assertThat(line("{\"request\":\"status\",\"id\":7}").id()).isEqualTo(7L);
        assertThat(line("{\"request\":\"status\",\"id\":\"seven\"}").id()).isEqualTo("seven");
        for (String id : List.of("1.5", "null", "[]", "{}", "true", "1e3", "99999999999999999999", "'x'")) {
            refusal("{\"request\":\"status\",\"id\":" + id + "}", ControlException.BAD_REQUEST);
        }
        refusal("{\"request\":\"status\",\"id\":\"" + "x".repeat(65) + "\"}", ControlException.BAD_REQUEST);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "{",
                "}",
                "[]",
                "null",
                "1",
                "\"status\"",
                "status",
                "{\"request\":\"status\"} x",
                "{\"request\":\"status\"}{\"request\":\"status\"}",
                "{\"request\":\"status\",}",
                "{'request':'status'}",
                "{\"request\":\"status\",\"request\":\"status\"}",
                "{\"request\":\"sta\ttus\"}",
                "{\"request\":NaN}"
            })
    void whatIsNoObjectOfJsonIsRefused(String text) {
        refusal(text, ControlException.BAD_REQUEST);
    }

    @Test
    void whatIsNotUtf8IsRefused() {
        byte[] line = "{\"request\":\"st\u00e4tus\"}".getBytes(StandardCharsets.ISO_8859_1);
        assertThatThrownBy(() -> RequestLine.read(line)).hasMessage("the line is not UTF-8");
        byte[] wide = "{\"request\":\"status\"}".getBytes(StandardCharsets.UTF_16BE);
        assertThatThrownBy(() -> RequestLine.read(wide)).isInstanceOf(ControlException.class);
    }

    @Test
    void requestThatIsNotThereIsNamed() {
        assertThat(refusal("{\"request\":\"reboot\"}", ControlException.UNKNOWN_REQUEST))
                .contains("'reboot'");
        assertThat(refusal("{\"request\":\"a\\u001b[2Jb\"}", ControlException.UNKNOWN_REQUEST))
                .contains("'a?[2Jb'");
        assertThat(refusal("{\"request\":\"" + "x".repeat(4_000) + "\"}", ControlException.UNKNOWN_REQUEST))
                .contains("x…'");
        assertThat(refusal("{}", ControlException.BAD_REQUEST)).contains("'request'");
        assertThat(refusal("{\"request\":1}", ControlException.BAD_REQUEST)).contains("'request'");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "status | \"most\":1 | 'most'",
                "version | \"x\":{} | 'x'",
                "flows | \"Most\":1 | 'Most'",
                "flows | \"most\":0 | 1 to 1000",
                "flows | \"most\":1001 | 1 to 1000",
                "flows | \"most\":\"3\" | 'most'",
                "flows | \"most\":1.5 | 'most'",
                "flows | \"most\":99999999999 | 'most'",
                "flows | \"most\":[1] | 'most'",
                "set-forwards | \"id\":1 | 'rules' is missing",
                "set-forwards | \"rules\":null | 'rules' is missing",
                "set-forwards | \"rules\":\"tcp:80\" | 'rules'",
                "set-forwards | \"rules\":[null] | 'rules'",
                "set-forwards | \"rules\":[\"\"] | 'rules'",
                "set-forwards | \"rules\":[1] | 'rules.0'",
                "set-forwards | \"rules\":[true] | 'rules.0'",
                "start-capture | \"file\":7 | 'file'",
                "set-forwards | \"rules\":[[\"tcp:80\"]] | 'rules.0'",
                "set-forwards | \"rules\":[\"tcp\\n80\"] | control character",
                "start-capture | \"bytes\":1 | 'file' is missing",
                "start-capture | \"file\":\"f.pcap\" | absolute",
                "start-capture | \"file\":\"/f\\u0000\" | control character",
                "start-capture | \"file\":\"/f\",\"bytes\":0 | 'bytes'",
                "start-capture | \"file\":\"/f\",\"filter\":[null] | 'filter'",
                "start-capture | \"file\":\"/f\",\"path\":\"/g\" | 'path'",
            })
    void memberThatIsWrongIsNamed(String request, String member, String why) {
        assertThat(refusal("{\"request\":\"" + request + "\"," + member + "}", ControlException.BAD_REQUEST))
                .contains(why);
    }

    @Test
    void whatIsTooDeepOrTooLongIsRefused() {
        String deep = "[".repeat(20_000) + "]".repeat(20_000);
        refusal("{\"request\":\"flows\",\"most\":" + deep + "}", ControlException.BAD_REQUEST);
        refusal("{\"a\":".repeat(9) + "1" + "}".repeat(9), ControlException.BAD_REQUEST);
        refusal("{\"" + "x".repeat(100) + "\":1}", ControlException.BAD_REQUEST);
        refusal("{\"request\":\"" + "x".repeat(5_000) + "\"}", ControlException.BAD_REQUEST);
        refusal("{\"request\":\"flows\",\"most\":" + "9".repeat(40) + "}", ControlException.BAD_REQUEST);
        List<String> many = Collections.nCopies(Limits.FORWARD_RULES + 1, "tcp:80");
        assertThatThrownBy(() -> new Request.SetForwards(many)).hasMessageContaining("" + Limits.FORWARD_RULES);
    }
}
