package io.passatelli.hook;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A VM's start as it was recorded: what the hook calls bring as far as the sidecars' answers do not change it.
 */
public final class RecordedBoot {
    private final byte[] vmi;
    private final List<byte[]> calls;

    private RecordedBoot(byte[] vmi, List<byte[]> calls) {
        this.vmi = vmi;
        this.calls = List.copyOf(calls);
    }

    /** The same in all calls. */
    public byte[] vmi() {
        return vmi.clone();
    }

    /** As many as KubeVirt makes for this VM: three, two for one with many NICs, one on other machines and on a migration's target. */
    public List<byte[]> calls() {
        return calls;
    }

    /** One of the resources' kubevirt/domain. */
    public static RecordedBoot of(String name) {
        String directory = "/kubevirt/domain/" + name;
        List<byte[]> calls = new ArrayList<>();
        byte[] call = bytes(directory + "/call1.xml");
        while (call != null) {
            calls.add(call);
            call = bytes(directory + "/call" + (calls.size() + 1) + ".xml");
        }
        byte[] vmi = bytes(directory + "/vmi.json");
        if (vmi == null || calls.isEmpty()) {
            throw new IllegalArgumentException("nothing was recorded as " + directory);
        }
        return new RecordedBoot(vmi, calls);
    }

    /** The same of another VMI. */
    public RecordedBoot with(byte[] otherVmi) {
        return new RecordedBoot(otherVmi.clone(), calls);
    }

    /** The same with so many more elements in each call's XML. */
    public RecordedBoot swollen(int elements) {
        String more = "<entry name='family'>KubeVirt</entry>".repeat(elements) + "</system>";
        return new RecordedBoot(
                vmi,
                calls.stream()
                        .map(xml -> new String(xml, StandardCharsets.UTF_8).replace("</system>", more))
                        .map(xml -> xml.getBytes(StandardCharsets.UTF_8))
                        .toList());
    }

    private static byte @Nullable [] bytes(String path) {
        try (InputStream in = RecordedBoot.class.getResourceAsStream(path)) {
            return in == null ? null : in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
