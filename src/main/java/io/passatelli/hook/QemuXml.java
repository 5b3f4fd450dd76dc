package io.passatelli.hook;

import io.passatelli.base.HookLimits;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Our part of what a domain tells QEMU past libvirt: {@code qemu:commandline} and {@code qemu:override}. Others, and KubeVirt itself, have theirs
 * there too; KubeVirt's code for migrations writes the namespace without a prefix.
 */
final class QemuXml {
    private static final String NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0";
    private static final String DECLARATION = "http://www.w3.org/2000/xmlns/";
    private static final String PREFIX = "qemu";
    private static final String NETDEV_PROPERTY = "netdev";
    private static final String MTU_PROPERTY = "host_mtu";

    private final Element domain;
    private final String alias;
    private final String netdev;
    private final Pattern ourNetdev;
    private final Pattern ourDevice;
    /** What lost children of ours, inner ones first: empty, it has to go too, unless it gets new ones. */
    private final List<Element> robbed = new ArrayList<>();

    /** {@code name} is the interface's: letters, digits, '-' and '_'. */
    QemuXml(Element domain, String name, String alias) {
        this.domain = domain;
        this.alias = alias;
        netdev = "s" + name; // an id begins with a letter, a name need not
        ourNetdev = Pattern.compile("\"id\"\\s*:\\s*\"" + netdev + "\"|(^|,)id=" + netdev + "(,|$)");
        ourDevice = Pattern.compile("\"netdev\"\\s*:\\s*\"" + netdev + "\"|(^|,)netdev=" + netdev + "(,|$)");
    }

    /** Id of our netdev. */
    String netdev() {
        return netdev;
    }

    /** Whatever of it is ours leaves: QEMU refuses two of one id. */
    void takeOut() {
        for (Element commandline : XmlTree.children(domain, NAMESPACE, "commandline")) {
            takeOutArguments(commandline);
        }
        for (Element override : XmlTree.children(domain, NAMESPACE, "override")) {
            for (Element device : devices(override)) {
                for (Element frontend : XmlTree.children(device, NAMESPACE, "frontend")) {
                    takeOutProperties(frontend);
                }
                robbed.add(device);
            }
            robbed.add(override);
        }
    }

    /** Option and value are neighbours; two that become neighbours when others leave are looked at too. */
    private void takeOutArguments(Element commandline) {
        Deque<Element> kept = new ArrayDeque<>();
        for (Element argument : XmlTree.children(commandline, NAMESPACE, "arg")) {
            Element before = kept.peek();
            if (before != null && isOurs(before.getAttribute("value"), argument.getAttribute("value"))) {
                commandline.removeChild(kept.pop());
                commandline.removeChild(argument);
                robbed.add(commandline);
            } else {
                kept.push(argument);
            }
        }
    }

    private boolean isOurs(String option, String value) {
        return option.equals("-netdev") && ourNetdev.matcher(value).find()
                || option.equals("-device") && ourDevice.matcher(value).find();
    }

    private void takeOutProperties(Element frontend) {
        for (Element property : XmlTree.children(frontend, NAMESPACE, "property")) {
            String name = property.getAttribute("name");
            if (name.equals(NETDEV_PROPERTY) || name.equals(MTU_PROPERTY)) {
                frontend.removeChild(property);
            }
        }
        robbed.add(frontend);
    }

    /** Those of an override that are the interface's. */
    private List<Element> devices(Element override) {
        return XmlTree.children(override, NAMESPACE, "device").stream()
                .filter(its -> alias.equals(its.getAttribute("alias")))
                .toList();
    }

    /** To be done last. */
    void takeOutWhatIsEmpty() {
        for (Element its : robbed) {
            Node parent = its.getParentNode();
            if (parent != null && !XmlTree.hasElements(its)) {
                parent.removeChild(its);
            }
        }
    }

    /** The netdev that connects to {@code path}, which needs no quoting in JSON; with {@code again} it does so whenever the connection is lost. */
    void addNetdev(String path, boolean again) {
        add("-netdev");
        add("{\"type\":\"stream\",\"id\":\"" + netdev + "\",\"server\":false,\"addr\":{\"type\":\"unix\",\"path\":\""
                + path + "\"}" + (again ? ",\"reconnect-ms\":" + HookLimits.QEMU_RECONNECT_MS : "") + "}");
    }

    void addDevice(String json) {
        add("-device");
        add(json);
    }

    private void add(String argument) {
        Element commandline = childOrNew(domain, "commandline");
        child(commandline, "arg").setAttributeNS(null, "value", argument);
    }

    /** Properties of the interface's device: our netdev instead of its own, the guest's MTU; 0: that stays as it is. */
    void override(boolean withNetdev, int mtu) {
        if (!withNetdev && mtu == 0) {
            return;
        }
        Element frontend = childOrNew(device(), "frontend");
        if (withNetdev) {
            property(frontend, NETDEV_PROPERTY, "string", netdev);
        }
        if (mtu > 0) {
            property(frontend, MTU_PROPERTY, "unsigned", Integer.toString(mtu));
        }
    }

    private Element device() {
        for (Element override : XmlTree.children(domain, NAMESPACE, "override")) {
            List<Element> devices = devices(override);
            if (!devices.isEmpty()) {
                return devices.getFirst();
            }
        }
        Element device = child(childOrNew(domain, "override"), "device");
        device.setAttributeNS(null, "alias", alias);
        return device;
    }

    private void property(Element frontend, String name, String type, String value) {
        Element property = child(frontend, "property");
        property.setAttributeNS(null, "name", name);
        property.setAttributeNS(null, "type", type);
        property.setAttributeNS(null, "value", value);
    }

    private Element childOrNew(Element parent, String name) {
        List<Element> there = XmlTree.children(parent, NAMESPACE, name);
        return there.isEmpty() ? child(parent, name) : there.getFirst();
    }

    private Element child(Element parent, String name) {
        String prefix = parent.lookupPrefix(NAMESPACE);
        if (prefix == null && !domain.hasAttributeNS(DECLARATION, PREFIX)) {
            domain.setAttributeNS(
                    DECLARATION, "xmlns:" + PREFIX, NAMESPACE); // in virt-launcher's last call it is missing
            prefix = parent.lookupPrefix(NAMESPACE);
        }
        Element child =
                parent.getOwnerDocument().createElementNS(NAMESPACE, (prefix == null ? PREFIX : prefix) + ":" + name);
        if (prefix == null) { // the root means something else by it
            child.setAttributeNS(DECLARATION, "xmlns:" + PREFIX, NAMESPACE);
        }
        parent.appendChild(child);
        return child;
    }
}
