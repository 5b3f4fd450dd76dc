package io.passatelli.hook;

import org.jspecify.annotations.Nullable;
import org.w3c.dom.Comment;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.ProcessingInstruction;
import org.xml.sax.SAXException;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;

/** A domain as XML says it, whatever the order of attributes, white space between elements and prefixes: told by nothing that is tested. */
final class XmlShape {
    static final String QEMU = "http://libvirt.org/schemas/domain/qemu/1.0";

    private XmlShape() {}

    static Element root(byte[] xml) {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            Document document = factory.newDocumentBuilder().parse(new ByteArrayInputStream(xml));
            return document.getDocumentElement();
        } catch (SAXException | IOException | ParserConfigurationException e) {
            throw new AssertionError("no XML: " + new String(xml, StandardCharsets.UTF_8), e);
        }
    }

    /** On one line. */
    static String of(@Nullable Node node) {
        StringBuilder out = new StringBuilder();
        if (node != null) {
            write(node, out);
        }
        return out.toString();
    }

    /** Of a domain, in which the order of children says nothing. */
    static String ofDomain(Element domain) {
        List<String> children = new ArrayList<>();
        for (Node its = domain.getFirstChild(); its != null; its = its.getNextSibling()) {
            children.add(of(its));
        }
        children.removeIf(String::isEmpty);
        children.sort(null);
        return of(domain.cloneNode(false)) + "\n" + String.join("\n", children);
    }

    private static void write(Node node, StringBuilder out) {
        switch (node) {
            case Element element -> {
                out.append('<').append(name(element));
                TreeMap<String, String> attributes = new TreeMap<>();
                for (int i = 0; i < element.getAttributes().getLength(); i++) {
                    Node its = element.getAttributes().item(i);
                    if (!"http://www.w3.org/2000/xmlns/".equals(its.getNamespaceURI())) {
                        attributes.put(name(its), its.getNodeValue());
                    }
                }
                attributes.forEach((name, value) ->
                        out.append(' ').append(name).append("='").append(value).append('\''));
                out.append('>');
                for (Node its = element.getFirstChild(); its != null; its = its.getNextSibling()) {
                    write(its, out);
                }
                out.append("</>");
            }
            case Comment comment -> out.append("<!--").append(comment.getData()).append("-->");
            case ProcessingInstruction its ->
                out.append("<?")
                        .append(its.getTarget())
                        .append(' ')
                        .append(its.getData())
                        .append("?>");
            default -> {
                String text = node.getNodeValue();
                out.append(text.isBlank() ? "" : text);
            }
        }
    }

    private static String name(Node node) {
        String namespace = node.getNamespaceURI();
        String prefix = namespace == null ? "" : namespace.equals(QEMU) ? "qemu:" : "{" + namespace + "}";
        return prefix + node.getLocalName();
    }

    static List<Element> all(Element in, @Nullable String namespace, String name) {
        List<Element> found = new ArrayList<>();
        for (Node its = in.getFirstChild(); its != null; its = its.getNextSibling()) {
            if (its instanceof Element element
                    && element.getLocalName().equals(name)
                    && (namespace == null
                            ? element.getNamespaceURI() == null
                            : namespace.equals(element.getNamespaceURI()))) {
                found.add(element);
            }
        }
        return found;
    }

    /** The domain's interfaces, in their order. */
    static List<Element> interfaces(Element domain) {
        List<Element> found = new ArrayList<>();
        all(domain, null, "devices").forEach(devices -> found.addAll(all(devices, null, "interface")));
        return found;
    }

    static String alias(Element its) {
        List<Element> alias = all(its, null, "alias");
        return alias.isEmpty() ? "" : alias.getFirst().getAttribute("name");
    }

    /** Takes out what is ours of the interface {@code name}, and what is empty then. */
    static void takeOut(Element domain, String name) {
        interfaces(domain).stream()
                .filter(its -> alias(its).equals("ua-" + name))
                .forEach(its -> its.getParentNode().removeChild(its));
        for (Element commandline : all(domain, QEMU, "commandline")) {
            List<Element> arguments = all(commandline, QEMU, "arg");
            for (int i = 0; i + 1 < arguments.size(); i++) {
                String value = arguments.get(i + 1).getAttribute("value");
                if (value.startsWith("{")
                        && (value.contains("\"id\":\"s" + name + "\"")
                                || value.contains("\"netdev\":\"s" + name + "\""))) {
                    commandline.removeChild(arguments.get(i));
                    commandline.removeChild(arguments.get(i + 1));
                }
            }
            if (all(commandline, QEMU, "arg").isEmpty()) {
                domain.removeChild(commandline);
            }
        }
        for (Element override : all(domain, QEMU, "override")) {
            for (Element device : all(override, QEMU, "device")) {
                if (device.getAttribute("alias").equals("ua-" + name)) {
                    override.removeChild(device);
                }
            }
            if (all(override, QEMU, "device").isEmpty()) {
                domain.removeChild(override);
            }
        }
        domain.normalize();
    }
}
