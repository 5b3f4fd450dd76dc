package io.passatelli.control.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Collectors;

/** A client's line, read in two steps: an error in the second can be answered with the request's id. */
public final class RequestLine {
    private static final String REQUEST = "request";
    private static final String ID = "id";
    private static final int ID_CHARS = 64;
    private static final int QUOTED_CHARS = 64;

    private final ObjectNode members;
    private final @Nullable Object id;

    private RequestLine(ObjectNode members, @Nullable Object id) {
        this.members = members;
        this.id = id;
    }

    /** One line without its end. */
    public static RequestLine read(byte[] utf8) throws ControlException {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(utf8))
                    .toString();
            if (!(Mappers.Server.MAPPER.readTree(text) instanceof ObjectNode members)) {
                throw bad("a request is a JSON object");
            }
            return new RequestLine(members, id(members.remove(ID)));
        } catch (CharacterCodingException e) {
            throw bad("the line is not UTF-8");
        } catch (StreamConstraintsException e) {
            throw bad("the line is nested too deeply, or a name, a number or a text in it is too long");
        } catch (JsonProcessingException e) {
            throw bad("the line is not JSON: see column " + e.getLocation().getColumnNr());
        }
    }

    private static @Nullable Object id(@Nullable JsonNode id) throws ControlException {
        if (id == null) {
            return null;
        }
        if (id.isIntegralNumber() && id.canConvertToLong()) {
            return id.longValue();
        }
        if (id.isTextual() && id.textValue().length() <= ID_CHARS) {
            return id.textValue();
        }
        throw bad("'id' is an integer, or a text of at most " + ID_CHARS + " characters");
    }

    /** What the answer is to carry, a String or a Long; null if there was none. */
    public @Nullable Object id() {
        return id;
    }

    /** What is asked. */
    public Request request() throws ControlException {
        JsonNode name = members.path(REQUEST);
        if (!name.isTextual()) {
            throw bad("'" + REQUEST + "' is missing: it names what is asked");
        }
        Class<? extends Request> type = Request.named(name.textValue());
        if (type == null) {
            throw new ControlException(
                    ControlException.UNKNOWN_REQUEST, "there is no request " + quoted(name.textValue()));
        }
        members.remove(REQUEST);
        try {
            return Mappers.Server.MAPPER.treeToValue(members, type);
        } catch (UnrecognizedPropertyException e) {
            throw bad(name.textValue() + " has no member " + quoted(e.getPropertyName()));
        } catch (JsonMappingException e) {
            throw bad(name.textValue() + ": " + why(e));
        } catch (JsonProcessingException e) {
            throw bad(name.textValue() + ": not understood");
        }
    }

    private static String why(JsonMappingException e) {
        if (e instanceof ValueInstantiationException && e.getCause() instanceof IllegalArgumentException said) {
            return String.valueOf(said.getMessage());
        }
        String where = e.getPath().stream()
                .map(at -> at.getFieldName() == null ? String.valueOf(at.getIndex()) : at.getFieldName())
                .collect(Collectors.joining("."));
        return quoted(where) + " is of another type than it should be";
    }

    /** The line for this request, with its end. */
    public static byte[] write(Request request) {
        ObjectNode line = Mappers.Client.MAPPER.createObjectNode();
        line.put(REQUEST, request.name());
        line.setAll((ObjectNode) Mappers.Client.MAPPER.valueToTree(request));
        return (line + "\n").getBytes(StandardCharsets.UTF_8);
    }

    private static ControlException bad(String sentence) {
        return new ControlException(ControlException.BAD_REQUEST, sentence);
    }

    private static String quoted(String text) {
        String cut = text.length() <= QUOTED_CHARS ? text : text.substring(0, QUOTED_CHARS) + "…";
        return "'" + cut.replaceAll("\\p{Cntrl}", "?") + "'";
    }
}
