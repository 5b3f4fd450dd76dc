package io.passatelli.hook;

import io.passatelli.lab.Command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What KubeVirt's virt-launcher sent in one call; see src/test/resources/kubevirt/README.md. */
final class Recording {
    private static final Path ROOT = Command.ROOT.resolve("src/test/resources/kubevirt/domain");

    private final String name;
    private final byte[] vmi;
    private final byte[] xml;
    private final byte[] returned;
    private final boolean last;

    private Recording(Path file) throws IOException {
        name = ROOT.relativize(file).toString().replace(".xml", "");
        vmi = Files.readAllBytes(file.resolveSibling("vmi.json"));
        xml = Files.readAllBytes(file);
        Path answer = Path.of(file.toString().replace(".xml", ".returned.xml"));
        int call = name.charAt(name.length() - 1) - '0';
        last = Files.notExists(file.resolveSibling("call" + (call + 1) + ".xml"));
        returned = Files.exists(answer) ? Files.readAllBytes(answer) : new byte[0];
    }

    static Stream<Recording> all() throws IOException {
        List<Recording> all = new ArrayList<>();
        try (Stream<Path> files = Files.walk(ROOT)) {
            for (Path file : files.filter(its -> its.toString().matches(".*/call[123]\\.xml"))
                    .sorted()
                    .toList()) {
                all.add(new Recording(file));
            }
        }
        return all.stream();
    }

    static Recording of(String name) throws IOException {
        return new Recording(ROOT.resolve(name + ".xml"));
    }

    /** Of the case and the call. */
    String name() {
        return name;
    }

    /** Its JSON. */
    byte[] vmi() {
        return vmi;
    }

    /** Of the domain. */
    byte[] xml() {
        return xml;
    }

    /** What a stub answered; empty: none is recorded. */
    byte[] returned() {
        return returned;
    }

    /** Whether no other call of the same boot follows. */
    boolean isLast() {
        return last;
    }

    Vmi parsed() throws HookRefusal {
        return Vmi.parse(vmi, "passatelli");
    }

    @Override
    public String toString() {
        return name;
    }
}
