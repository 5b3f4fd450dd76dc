package io.passatelli.hook;

import org.jspecify.annotations.Nullable;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/**
 * What becomes of a domain's XML between a hook sidecar's answer and virt-launcher's next call: KubeVirt's structs keep a part of it, and Go's encoder
 * prints that. What comes from KubeVirt itself survives; of the rest these tables say what does, as recordings of real boots show it.
 */
final class Remarshalled {
    private static final String QEMU = "http://libvirt.org/schemas/domain/qemu/1.0";

    /** Children of a domain that have a place before others; the rest keep their order behind. */
    private static final List<String> DOMAIN =
            List.of("name", "memory", "memoryBacking", "os", "sysinfo", "devices", "qemu:commandline");

    private static final List<String> LOST = List.of("qemu:override");

    private static final List<String> OS =
            List.of("type", "boot", "smbios", "bootmenu", "bios", "loader", "nvram", "kernel", "initrd", "cmdline");
    private static final List<String> MEMORY_BACKING = List.of("hugepages", "source", "access", "allocation");
    private static final List<String> DEVICES = List.of("emulator", "interface");

    /** What an interface keeps, in this order, and the attributes of it; its own only attribute is the type. */
    private static final Map<String, List<String>> INTERFACE = interfaceParts();

    private Remarshalled() {}

    private static Map<String, List<String>> interfaceParts() {
        Map<String, List<String>> parts = new LinkedHashMap<>();
        parts.put("address", List.of("type", "domain", "bus", "slot", "function"));
        parts.put("source", List.of("network", "dev", "bridge", "mode"));
        parts.put("target", List.of("dev", "managed"));
        parts.put("model", List.of("type"));
        parts.put("mac", List.of("address"));
        parts.put("mtu", List.of("size"));
        parts.put("boot", List.of("order"));
        parts.put("link", List.of("state"));
        parts.put("alias", List.of("name"));
        parts.put("driver", List.of("name", "queues", "iommu"));
        parts.put("rom", List.of("enabled"));
        parts.put("acpi", List.of("index"));
        return parts;
    }

    /** What the last call brings, when the one before was answered with {@code xml}. */
    static byte[] of(byte[] xml) {
        return print(kept(read(xml)));
    }

    /**
     * As {@link #of}, where libvirt was asked in between: its devices are those of {@code recorded}, a call at the same place. Interfaces are the
     * sidecar's, at libvirt's addresses.
     */
    static byte[] withDevicesOf(byte[] recorded, byte[] xml) {
        Element domain = kept(read(xml));
        Element devices = domain.child("devices");
        Element libvirts = read(recorded).child("devices");
        List<Element> all = new ArrayList<>(libvirts.children);
        all.removeIf(device -> device.name.equals("interface"));
        for (Element nic : devices.children) {
            if (nic.name.equals("interface")) {
                libvirts.children.stream()
                        .filter(known -> known.alias().equals(nic.alias()) && nic.find("address") == null)
                        .map(known -> known.find("address"))
                        .filter(Objects::nonNull)
                        .forEach(address -> nic.children.addFirst(address));
                all.add(nic);
            }
        }
        devices.children.clear();
        devices.children.addAll(inOrder(all, DEVICES));
        return print(domain);
    }

    private static Element kept(Element domain) {
        domain.children.removeIf(child -> LOST.contains(child.name));
        if (domain.find("qemu:commandline") != null) {
            domain.attributes.put("xmlns:qemu", QEMU);
        }
        sort(domain, DOMAIN);
        sort(domain.child("os"), OS);
        Element backing = domain.find("memoryBacking");
        if (backing != null) {
            sort(backing, MEMORY_BACKING);
        }
        Element devices = domain.child("devices");
        sort(devices, DEVICES);
        devices.children.replaceAll(device -> device.name.equals("interface") ? keptInterface(device) : device);
        return domain;
    }

    private static Element keptInterface(Element nic) {
        Element kept = new Element("interface");
        kept.take(nic, List.of("type"));
        INTERFACE.forEach((name, attributes) -> {
            Element part = nic.find(name);
            if (part != null || name.equals("source")) { // Go prints a struct that is no pointer even if it is empty
                Element keptPart = new Element(name);
                if (part != null) {
                    keptPart.take(part, attributes);
                }
                kept.children.add(keptPart);
            }
        });
        return kept;
    }

    private static void sort(Element parent, List<String> order) {
        List<Element> sorted = inOrder(parent.children, order);
        parent.children.clear();
        parent.children.addAll(sorted);
    }

    /** Stable. */
    private static List<Element> inOrder(List<Element> elements, List<String> order) {
        return elements.stream()
                .sorted(Comparator.comparingInt(
                        element -> order.contains(element.name) ? order.indexOf(element.name) : order.size()))
                .toList();
    }

    private static final class Element {
        final String name;
        final Map<String, String> attributes = new LinkedHashMap<>();
        final List<Element> children = new ArrayList<>();
        String text = "";

        Element(String name) {
            this.name = name;
        }

        @Nullable
        Element find(String childName) {
            return children.stream()
                    .filter(child -> child.name.equals(childName))
                    .findFirst()
                    .orElse(null);
        }

        Element child(String childName) {
            return Objects.requireNonNull(find(childName), childName);
        }

        String alias() {
            Element alias = find("alias");
            return alias == null ? "" : alias.attributes.getOrDefault("name", "");
        }

        void take(Element from, List<String> wanted) {
            for (String attribute : wanted) {
                String value = from.attributes.get(attribute);
                if (value != null) {
                    attributes.put(attribute, value);
                }
            }
        }
    }

    private static Element read(byte[] xml) {
        XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        factory.setProperty(XMLInputFactory.IS_COALESCING, true);
        Deque<Element> open = new ArrayDeque<>();
        open.push(new Element(""));
        try {
            XMLStreamReader in = factory.createXMLStreamReader(new ByteArrayInputStream(xml));
            while (in.hasNext()) {
                switch (in.next()) {
                    case XMLStreamConstants.START_ELEMENT -> open.push(element(in));
                    case XMLStreamConstants.CHARACTERS, XMLStreamConstants.CDATA ->
                        Objects.requireNonNull(open.peek()).text += in.getText();
                    case XMLStreamConstants.END_ELEMENT -> {
                        Element done = open.pop();
                        Objects.requireNonNull(open.peek()).children.add(done);
                    }
                    default -> {
                        // what nobody keeps
                    }
                }
            }
        } catch (XMLStreamException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
        return open.pop().children.getFirst();
    }

    private static Element element(XMLStreamReader in) {
        Element element = new Element(name(in.getNamespaceURI(), in.getLocalName()));
        for (int i = 0; i < in.getAttributeCount(); i++) {
            element.attributes.put(
                    name(in.getAttributeNamespace(i), in.getAttributeLocalName(i)), in.getAttributeValue(i));
        }
        for (int i = 0; i < in.getNamespaceCount(); i++) {
            String prefix = in.getNamespacePrefix(i);
            if (!QEMU.equals(
                    in.getNamespaceURI(i))) { // the domain's own comes back with the first element that needs it
                element.attributes.put(prefix == null ? "xmlns" : "xmlns:" + prefix, in.getNamespaceURI(i));
            }
        }
        return element;
    }

    /** Only QEMU's namespace is told apart, by one prefix, whatever the document calls it. */
    private static String name(@Nullable String namespace, String local) {
        return QEMU.equals(namespace) ? "qemu:" + local : local;
    }

    private static byte[] print(Element domain) {
        StringBuilder out = new StringBuilder();
        print(out, domain, 0);
        return out.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static void print(StringBuilder out, Element element, int depth) {
        out.append("\t".repeat(depth)).append('<').append(element.name);
        element.attributes.forEach((name, value) -> out.append(' ')
                .append(name)
                .append("=\"")
                .append(escaped(value))
                .append('"'));
        out.append('>');
        if (element.children.isEmpty()) {
            out.append(escaped(element.text.isBlank() ? "" : element.text));
        } else {
            for (Element child : element.children) {
                out.append('\n');
                print(out, child, depth + 1);
            }
            out.append('\n').append("\t".repeat(depth));
        }
        out.append("</").append(element.name).append('>');
    }

    /** As Go's encoding/xml does it. */
    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&#34;")
                .replace("'", "&#39;")
                .replace("\t", "&#x9;")
                .replace("\n", "&#xA;")
                .replace("\r", "&#xD;");
    }
}
