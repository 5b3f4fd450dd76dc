package io.passatelli.hook;

import org.w3c.dom.Element;

/** The guest's memory as vhost-user needs it: another process can map it. What others chose of it stays as it is. */
final class SharedMemory {
    private static final String SHARED = "shared";

    private SharedMemory() {}

    /** {@code memoryBacking} says it from now on; refused if somebody wants the memory private. */
    static void require(Element domain, boolean s390x) throws HookRefusal {
        checkCells(domain);
        Element backing = XmlTree.childOrNew(domain, "memoryBacking");
        Element access = XmlTree.child(backing, "access");
        if (access == null) {
            XmlTree.add(backing, "access", "mode", SHARED);
        } else if (!SHARED.equals(access.getAttribute("mode"))) {
            throw new HookRefusal("the domain's memory has the access mode '"
                    + HookRefusal.shown(access.getAttribute("mode"))
                    + "', and vhost-user needs 'shared': say passatelli.io/transport=stream");
        }
        boolean hasFile = XmlTree.child(backing, "source") != null || XmlTree.child(backing, "hugepages") != null;
        if (!hasFile && !s390x) { // libvirt makes a NUMA node for a memfd, and s390x has no NUMA
            XmlTree.add(backing, "source", "type", "memfd");
        }
    }

    private static void checkCells(Element domain) throws HookRefusal {
        for (Element cpu : XmlTree.children(domain, "cpu")) {
            for (Element numa : XmlTree.children(cpu, "numa")) {
                for (Element cell : XmlTree.children(numa, "cell")) {
                    if (cell.hasAttribute("memAccess") && !SHARED.equals(cell.getAttribute("memAccess"))) {
                        throw new HookRefusal("NUMA cell " + HookRefusal.shown(cell.getAttribute("id"))
                                + " of the domain has private memory, and vhost-user needs it shared: say"
                                + " passatelli.io/transport=stream");
                    }
                }
            }
        }
    }
}
