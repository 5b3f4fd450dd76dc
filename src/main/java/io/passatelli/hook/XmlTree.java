package io.passatelli.hook;

import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

import java.util.ArrayList;
import java.util.List;

/** Elements of libvirt's, which are in no namespace. */
final class XmlTree {
    private XmlTree() {}

    static List<Element> children(Element parent, String name) {
        return children(parent, null, name);
    }

    static List<Element> children(Element parent, @Nullable String namespace, String name) {
        List<Element> found = new ArrayList<>();
        for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element element
                    && name.equals(element.getLocalName())
                    && (namespace == null
                            ? element.getNamespaceURI() == null
                            : namespace.equals(element.getNamespaceURI()))) {
                found.add(element);
            }
        }
        return found;
    }

    /** The first of that name. */
    static @Nullable Element child(Element parent, String name) {
        List<Element> all = children(parent, name);
        return all.isEmpty() ? null : all.getFirst();
    }

    static Element childOrNew(Element parent, String name) {
        Element child = child(parent, name);
        return child == null ? add(parent, name) : child;
    }

    /** A new child at the end, with attributes given as names and values in turn. */
    static Element add(Element parent, String name, String... attributes) {
        Element child = parent.getOwnerDocument().createElementNS(null, name);
        for (int i = 0; i < attributes.length; i += 2) {
            child.setAttributeNS(null, attributes[i], attributes[i + 1]);
        }
        parent.appendChild(child);
        return child;
    }

    static boolean hasElements(Element parent) {
        for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element) {
                return true;
            }
        }
        return false;
    }
}
