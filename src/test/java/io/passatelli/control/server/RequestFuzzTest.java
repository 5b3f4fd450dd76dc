package io.passatelli.control.server;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.passatelli.base.Limits;
import io.passatelli.control.api.AnswerLine;
import io.passatelli.control.api.ControlException;
import io.passatelli.control.api.Request;
import io.passatelli.control.api.RequestLine;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/** Any bytes have one line for an answer, and a request that was read is written as it was. JAZZER_FUZZ=1 mutates, else the seeds are replayed. */
@Tag("fuzz")
class RequestFuzzTest {
    private static final Dispatcher DISPATCHER = new Dispatcher(new KnownTarget());

    static Stream<byte[]> lines() {
        Stream<byte[]> requests = Stream.of(
                        new Request.Status(),
                        new Request.Flows(3),
                        new Request.Drops(),
                        new Request.Forwards(),
                        new Request.SetForwards(List.of("tcp:8080:80", "udp:53/4")),
                        new Request.StartCapture("/tmp/f", List.of("port", "53"), 1_000L),
                        new Request.StopCapture(),
                        new Request.Version())
                .map(RequestLine::write);
        Stream<byte[]> others = Stream.of(
                        "",
                        "{}",
                        "{\"request\":\"flows\",\"id\":\"a\",\"most\":1e400}",
                        "{\"request\":\"\u00e4\\ud800\"}")
                .map(text -> text.getBytes(StandardCharsets.UTF_8));
        return Stream.concat(requests, others);
    }

    @MethodSource("lines")
    @FuzzTest(maxDuration = "1m")
    void anyLineHasOneAnswer(byte[] line) {
        String answer = new String(answer(line), StandardCharsets.UTF_8);
        assertThat(answer).matches("\\{(\"id\":\\p{Print}+,)?\"(answer|error)\":\\{[\\p{Print}\\x7f]*}}\n");
        assertThat(answer.length()).isLessThanOrEqualTo(Limits.CONTROL_ANSWER_BYTES);
        assertThat(answer).doesNotContain(ControlException.INTERNAL);
    }

    private static byte[] answer(byte[] line) {
        @Nullable Object id = null;
        try {
            RequestLine read = RequestLine.read(line);
            id = read.id();
            Request request = read.request();
            assertThat(RequestLine.read(RequestLine.write(request)).request()).isEqualTo(request);
            return AnswerLine.of(id, DISPATCHER.ask(request).join());
        } catch (ControlException e) {
            return AnswerLine.of(id, e);
        } catch (CompletionException e) {
            return AnswerLine.of(id, Dispatcher.sayable(e));
        }
    }
}
