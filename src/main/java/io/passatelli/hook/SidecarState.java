package io.passatelli.hook;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import io.passatelli.base.HookLimits;
import org.jspecify.annotations.Nullable;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * What a sidecar has to know if its process is killed and another takes its place in the same pod: a file beside QEMU's socket, JSON, {@code {"version":
 * 1, "qemuCame": true, "vmi": …}}. Whoever else is in the pod may have written it: what is read is looked at like what virt-launcher sends.
 *
 * @param qemuCame QEMU has been connected
 * @param vmi what the plane is made for
 */
public record SidecarState(boolean qemuCame, Vmi vmi) {
    /** A file of another one is not read. */
    static final int VERSION = 1;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(HookLimits.VMI_DEPTH + 1)
                    .maxTokenCount(HookLimits.VMI_TOKENS)
                    .maxDocumentLength(HookLimits.STATE_BYTES)
                    .maxStringLength(HookLimits.STATE_BYTES)
                    .build())
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .build();

    private static final Set<OpenOption> NEW = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    private static final FileAttribute<?> OURS_ALONE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    private static final Set<OpenOption> EXISTING = Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);

    /** Whoever reads {@code file} meanwhile sees the old state or the new one. {@code binding}: the name of ours. */
    public void write(Path file, String binding) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonGenerator out = FACTORY.createGenerator(bytes)) {
            out.writeStartObject();
            out.writeNumberField("version", VERSION);
            out.writeBooleanField("qemuCame", qemuCame);
            out.writeFieldName("vmi");
            new VmiWriter(vmi, binding, out).write();
            out.writeEndObject();
        }
        Path beside = file.resolveSibling(file.getFileName() + ".part");
        Files.deleteIfExists(beside);
        try (var channel = Files.newByteChannel(beside, NEW, OURS_ALONE)) {
            ByteBuffer content = ByteBuffer.wrap(bytes.toByteArray());
            while (content.hasRemaining()) {
                channel.write(content);
            }
        }
        Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** What was left at {@code file}; null: nothing was. Throws {@link IOException} with one sentence if it makes no sense. */
    public static @Nullable SidecarState read(Path file, String binding) throws IOException {
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return null;
        }
        try {
            byte[] json = {};
            boolean regular = Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
            if (regular) {
                try (var in = Channels.newInputStream(Files.newByteChannel(file, EXISTING))) {
                    json = in.readNBytes(HookLimits.STATE_BYTES + 1);
                }
            }
            if (!regular || json.length > HookLimits.STATE_BYTES) {
                throw new IOException("it is no file of at most " + HookLimits.STATE_BYTES + " bytes");
            }
            return parse(json, binding);
        } catch (IOException e) {
            throw new IOException("'" + file + "' cannot be read: " + e.getMessage(), e);
        }
    }

    /** The version is its first member. */
    static SidecarState parse(byte[] json, String binding) throws IOException {
        boolean came = false;
        Vmi vmi = null;
        boolean known = false;
        try (JsonParser in = FACTORY.createParser(json)) {
            in.nextToken();
            while (in.nextToken() == JsonToken.FIELD_NAME) {
                String member = in.currentName();
                in.nextToken();
                if (!known && !(member.equals("version") && in.getValueAsInt() == VERSION)) {
                    throw new IOException("it is not of version " + VERSION);
                }
                known = true;
                switch (member) {
                    case "qemuCame" -> came = in.currentToken() == JsonToken.VALUE_TRUE;
                    case "vmi" -> vmi = vmi(in, binding);
                    default -> in.skipChildren();
                }
            }
        }
        if (vmi == null) {
            throw new IOException("it has no VMI");
        }
        return new SidecarState(came, vmi);
    }

    private static Vmi vmi(JsonParser in, String binding) throws IOException {
        ByteArrayOutputStream json = new ByteArrayOutputStream();
        try (JsonGenerator copy = FACTORY.createGenerator(json)) {
            copy.copyCurrentStructure(in);
        }
        try {
            return Vmi.parse(json.toByteArray(), binding);
        } catch (HookRefusal e) {
            throw new IOException(e.sentence(), e);
        }
    }
}
