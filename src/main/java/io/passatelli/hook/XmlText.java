package io.passatelli.hook;

import io.passatelli.base.HookLimits;
import org.w3c.dom.Attr;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.Node;
import org.w3c.dom.ProcessingInstruction;
import org.xml.sax.ErrorHandler;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;

/**
 * Domain XML as text and as a tree. It comes from virt-launcher, which runs beside a hostile guest: there is no DTD and so no entity, nothing
 * outside is fetched, and what the tree may take of memory is bounded before it is made.
 */
final class XmlText {
    /** A tree takes about so much, and the answer made of it, in bytes for each byte of text and each tag or attribute. */
    private static final int TREE_BYTES_PER_BYTE = 6;

    private static final int TREE_BYTES_PER_PART = 400;

    private static final DocumentBuilderFactory FACTORY = factory();
    private static final ErrorHandler THROWING = new ErrorHandler() {
        @Override
        public void warning(SAXParseException e) {}

        @Override
        public void error(SAXParseException e) throws SAXException {
            throw e;
        }

        @Override
        public void fatalError(SAXParseException e) throws SAXException {
            throw e;
        }
    };

    private XmlText() {}

    private static DocumentBuilderFactory factory() {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultInstance();
        try {
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            factory.setFeature("http://apache.org/xml/features/dom/defer-node-expansion", false);
            factory.setAttribute(XMLConstants.ACCESS_EXTERNAL_DTD, "");
            factory.setAttribute(XMLConstants.ACCESS_EXTERNAL_SCHEMA, "");
            // the JDK counts long texts with character references in them among entities, of which there are no others
            factory.setAttribute("jdk.xml.maxGeneralEntitySizeLimit", Integer.toString(HookLimits.DOMAIN_XML_BYTES));
            factory.setAttribute("jdk.xml.totalEntitySizeLimit", Integer.toString(HookLimits.DOMAIN_XML_BYTES));
            factory.setAttribute("jdk.xml.maxElementDepth", Integer.toString(HookLimits.DOMAIN_XML_DEPTH));
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("the JDK's XML parser is another one", e);
        }
        factory.setNamespaceAware(true);
        factory.setXIncludeAware(false);
        return factory;
    }

    static Document parse(byte[] xml) throws HookRefusal {
        checkSize(xml);
        DocumentBuilder builder;
        try {
            synchronized (FACTORY) { // it is not for several threads
                builder = FACTORY.newDocumentBuilder();
            }
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("the JDK's XML parser is another one", e);
        }
        builder.setErrorHandler(THROWING);
        InputSource source = new InputSource(new ByteArrayInputStream(xml));
        source.setEncoding(StandardCharsets.UTF_8.name());
        try {
            Document document = builder.parse(source);
            if (!"1.0".equals(document.getXmlVersion())) {
                throw new HookRefusal("the domain XML is of version " + document.getXmlVersion() + " of XML, not 1.0");
            }
            return document;
        } catch (SAXParseException e) {
            throw new HookRefusal("the domain XML is no good XML, line " + e.getLineNumber() + ", column "
                    + e.getColumnNumber() + ": " + e.getMessage());
        } catch (SAXException | IOException e) {
            throw new HookRefusal("the domain XML is no good XML: " + e.getMessage());
        }
    }

    private static void checkSize(byte[] xml) throws HookRefusal {
        if (xml.length == 0) {
            throw new HookRefusal("the domain XML is empty");
        }
        if (xml.length > HookLimits.DOMAIN_XML_BYTES) {
            throw new HookRefusal(
                    "the domain XML has " + xml.length + " bytes, more than " + HookLimits.DOMAIN_XML_BYTES);
        }
        int parts = 0;
        for (byte b : xml) {
            if (b == '<' || b == '=') {
                parts++;
            }
        }
        if (parts > HookLimits.DOMAIN_XML_PARTS) {
            throw new HookRefusal(
                    "the domain XML has more than " + HookLimits.DOMAIN_XML_PARTS + " tags and attributes");
        }
        checkMemory((long) TREE_BYTES_PER_BYTE * xml.length + (long) TREE_BYTES_PER_PART * parts);
    }

    /** Whoever runs out of memory may take the loop's with it, and with that a frame of which the rest cannot be made sense of. */
    private static void checkMemory(long bytes) throws HookRefusal {
        if (bytes > freeMemory()) {
            System.gc(); // what is garbage counts as used until then
            if (bytes > freeMemory()) {
                throw new HookRefusal("the domain XML is too large for the sidecar's memory, of which it takes "
                        + (bytes >> 10) + " KiB while " + (freeMemory() >> 10) + " are free");
            }
        }
    }

    private static long freeMemory() {
        Runtime runtime = Runtime.getRuntime();
        return runtime.maxMemory() - runtime.totalMemory() + runtime.freeMemory();
    }

    /** In UTF-8, which needs no declaration. What virt-launcher would not take is refused as soon as it is too long. */
    static byte[] write(Document document) throws HookRefusal {
        StringBuilder out = new StringBuilder(16 << 10);
        for (Node node = document.getFirstChild(); node != null; node = node.getNextSibling()) {
            write(node, out);
        }
        byte[] written = out.toString().getBytes(StandardCharsets.UTF_8);
        checkAnswer(written.length);
        return written;
    }

    private static void checkAnswer(int length) throws HookRefusal {
        if (length > HookLimits.ANSWER_BYTES) {
            throw new HookRefusal("the domain XML would have more than " + HookLimits.ANSWER_BYTES
                    + " bytes with the NIC in it, which virt-launcher does not take");
        }
    }

    /** No deeper than the parser lets pass, and what we add is on top. What is not escaped is no longer than it was read. */
    private static void write(Node node, StringBuilder out) throws HookRefusal {
        switch (node.getNodeType()) {
            case Node.ELEMENT_NODE -> element((Element) node, out);
            case Node.TEXT_NODE -> escape(node.getNodeValue(), false, out);
            case Node.CDATA_SECTION_NODE ->
                out.append("<![CDATA[").append(node.getNodeValue()).append("]]>");
            case Node.COMMENT_NODE ->
                out.append("<!--").append(node.getNodeValue()).append("-->");
            case Node.PROCESSING_INSTRUCTION_NODE -> {
                ProcessingInstruction its = (ProcessingInstruction) node;
                out.append("<?")
                        .append(its.getTarget())
                        .append(' ')
                        .append(its.getData())
                        .append("?>");
            }
            default -> throw new IllegalStateException("without a DTD there is no node of type " + node.getNodeType());
        }
    }

    private static void element(Element element, StringBuilder out) throws HookRefusal {
        out.append('<').append(element.getTagName());
        NamedNodeMap attributes = element.getAttributes();
        for (int i = 0; i < attributes.getLength(); i++) {
            Attr its = (Attr) attributes.item(i);
            out.append(' ').append(its.getName()).append("=\"");
            escape(its.getValue(), true, out);
            out.append('"');
        }
        Node child = element.getFirstChild();
        if (child == null) {
            out.append("/>");
            return;
        }
        out.append('>');
        for (; child != null; child = child.getNextSibling()) {
            write(child, out);
        }
        out.append("</").append(element.getTagName()).append('>');
    }

    /** What a reader would take for markup, or would normalize (XML 1.0 §2.11, §3.3.3). */
    private static void escape(String text, boolean attribute, StringBuilder out) throws HookRefusal {
        for (int i = 0; i < text.length(); i++) {
            checkAnswer(out.length());
            char c = text.charAt(i);
            switch (c) {
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;"); // "]]>" must not stand in text
                case '&' -> out.append("&amp;");
                case '\r' -> out.append("&#13;");
                case '"' -> out.append(attribute ? "&quot;" : "\"");
                case '\n' -> out.append(attribute ? "&#10;" : "\n");
                case '\t' -> out.append(attribute ? "&#9;" : "\t");
                default -> out.append(c);
            }
        }
    }
}
