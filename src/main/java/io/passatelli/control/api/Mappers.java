package io.passatelli.control.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.type.LogicalType;
import io.passatelli.base.Limits;

import static com.fasterxml.jackson.databind.cfg.CoercionAction.Fail;

/** Jackson, as strict as it goes, and bounded. Names that a client sends are not kept. */
final class Mappers {
    private static final int NAME_CHARS = 64;
    private static final int NUMBER_CHARS = 32;

    private Mappers() {}

    /** Reads what a client sends, and writes what goes to one. */
    static final class Server {
        static final JsonMapper MAPPER = strict(Limits.CONTROL_LINE_BYTES, TOKENS)
                .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .build();

        private Server() {}
    }

    /** Reads what a server sends, which may be newer and say more, and writes what goes to one. */
    static final class Client {
        static final JsonMapper MAPPER = strict(Limits.CONTROL_ANSWER_BYTES, Limits.CONTROL_ANSWER_BYTES)
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .build();

        private Client() {}
    }

    /** A list of rules and some more: objects of a tree are large, however short their text. */
    private static final long TOKENS = Limits.FORWARD_RULES + 256L;

    private static JsonMapper.Builder strict(int lineBytes, long tokens) {
        JsonFactory factory = JsonFactory.builder()
                .streamReadConstraints(StreamReadConstraints.builder()
                        .maxNestingDepth(Limits.CONTROL_DEPTH)
                        .maxDocumentLength(lineBytes)
                        .maxStringLength(Limits.CONTROL_TEXT_CHARS)
                        .maxNameLength(NAME_CHARS)
                        .maxNumberLength(NUMBER_CHARS)
                        .maxTokenCount(tokens)
                        .build())
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
                .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                .build();
        return JsonMapper.builder(factory)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
                .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
                .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
                .withCoercionConfig(LogicalType.Textual, texts -> texts.setCoercion(CoercionInputShape.Integer, Fail)
                        .setCoercion(CoercionInputShape.Float, Fail)
                        .setCoercion(CoercionInputShape.Boolean, Fail))
                .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
                .defaultPropertyInclusion(
                        JsonInclude.Value.construct(JsonInclude.Include.NON_NULL, JsonInclude.Include.ALWAYS));
    }
}
