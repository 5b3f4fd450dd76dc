package io.passatelli.control.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.passatelli.base.Limits;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A server's line: {@code {"id":…,"answer":{…}}} or {@code {"id":…,"error":{"code":…,"message":…}}}; the id only if the request had one. */
public final class AnswerLine {
    private AnswerLine() {}

    private record Line(
            @Nullable Object id,
            @Nullable Object answer,
            @Nullable Problem error) {}

    private record Problem(String code, String message) {}

    /** The line for an answer, a record of this package, with its end; for an error, if it got too long. */
    public static byte[] of(@Nullable Object id, Object answer) {
        byte[] line = write(new Line(id, answer, null));
        return line.length <= Limits.CONTROL_ANSWER_BYTES
                ? line
                : of(id, new ControlException(ControlException.TOO_LONG, "the answer is too long: ask for less"));
    }

    /** The line for an error, with its end. */
    public static byte[] of(@Nullable Object id, ControlException error) {
        return write(new Line(id, null, new Problem(error.code(), error.sentence())));
    }

    private static byte[] write(Line line) {
        try {
            byte[] json = Mappers.Server.MAPPER.writeValueAsBytes(line);
            byte[] ended = Arrays.copyOf(json, json.length + 1);
            ended[json.length] = '\n';
            return ended;
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("records of the API cannot be written", e);
        }
    }

    /** The answer on a server's line. Throws what the server said, or {@link IOException} if the line is none of ours. */
    public static <T> T read(String line, Class<T> type) throws ControlException, IOException {
        try {
            JsonNode members = Mappers.Client.MAPPER.readTree(line);
            JsonNode error = members.get("error");
            if (error != null) {
                throw new ControlException(
                        error.path("code").asText(), error.path("message").asText());
            }
            JsonNode answer = members.get("answer");
            if (answer == null) {
                throw new IOException("the server's line is neither an answer nor an error");
            }
            return Mappers.Client.MAPPER.treeToValue(answer, type);
        } catch (JsonProcessingException e) {
            throw new IOException("the server's line is not understood", e);
        }
    }

    /** A line's text, without its end. */
    public static String text(byte[] line) {
        return new String(line, StandardCharsets.UTF_8).stripTrailing();
    }
}
